from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 2

@test_case(points=0.5, hidden=False, 
    success_message="A name and a number, and the example is right.", 
    failure_message="Validation data chooses, test data judges. Which of the two numbers of the stage that you chose is not flattered by the choice?")
def test_q6_example(choose_then_report):
    validation = {'stage2': 0.8, 'stage3': 0.92, 'stage4': 0.9}
    test = {'stage2': 0.79, 'stage3': 0.89, 'stage4': 0.91}
    result = choose_then_report(validation, test)
    assert isinstance(result, tuple) and len(result) == 2, 'two things are to be returned: a name and an accuracy'
    assert result[0] in validation, 'the first is the name of a stage'
    assert result == ('stage3', 0.89), f'{result}: not the stage, or not the number, that follows from the rule'

