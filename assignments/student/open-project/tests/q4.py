from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = 4

@test_case(points=1, hidden=False, 
    success_message="The plan has all its parts.", 
    failure_message="Which part is missing, or is not what the list above asks for: a sentence, a number, one of three tests? The epochs of everything that you tried count, and 40 are the budget.")
def test_q4_form(plan):
    texts = ('question', 'A', 'B', 'if A is better', 'if B is better', 'if we cannot tell')
    numbers = ('level', 'margin', 'detectable', 'epochs')
    assert isinstance(plan, dict), 'plan is a dictionary'
    assert set(plan) == {*texts, *numbers, 'test'}, 'the keys are to stay those of the question'
    for key in texts:
        assert isinstance(plan[key], str) and len(plan[key].split()) >= 4, f'{key}: at least four words'
    for key in numbers:
        assert isinstance(plan[key], (int, float)) and (not isinstance(plan[key], bool)), f'{key}: a number, typed'
    assert 0 < plan['detectable'] <= 0.5, 'detectable: a share, where 0.01 is one point'
    tests = ('McNemar, exact, two-sided', 'two separate samples, two-sided', 'McNemar, exact, one-sided')
    assert plan['test'] in tests, 'test: one of the three, letter by letter'
    assert 0 <= plan['epochs'] <= 40, 'the budget is 40 epochs, over everything that was tried'

