from otter.test_files import test_case

OK_FORMAT = False

name = "q7"
points = 4

@test_case(points=0.5, hidden=False, 
    success_message="All five have the right form.", 
    failure_message="Which of the five has not the form that is asked for? Two arrays with a class for each image of fresh, a dictionary of two counts, one probability, and one of three texts.")
def test_q7_form(joined_predicted, single_predicted, only_right, joined_p, joined_verdict):
    import numpy as np
    for name, classes in (('joined_predicted', joined_predicted), ('single_predicted', single_predicted)):
        classes = np.asarray(classes)
        assert classes.shape == (400,), f'{name}: one class for each of the 400 images of fresh, not {classes.shape}'
        assert set(np.unique(classes).tolist()) <= {0, 1}, f'{name}: classes, 0 or 1'
    named = isinstance(only_right, dict) and set(only_right) == {'two stages', 'one stage'}
    assert named, 'only_right: a dictionary with the two names of the question, spelled as there'
    counts = [np.asarray(count) for count in only_right.values()]
    whole = all((count.ndim == 0 and count.dtype.kind in 'iu' and (count >= 0) for count in counts))
    assert whole, f'only_right: two numbers of images, not {only_right}'
    number = np.ndim(joined_p) == 0 and np.asarray(joined_p).dtype.kind in 'iuf'
    assert number, 'joined_p: a number, not the whole result of the test'
    assert 0 <= float(joined_p) <= 1, 'joined_p: a probability, from 0 to 1'
    assert joined_verdict in ('two stages', 'one stage', 'cannot tell'), 'joined_verdict: one of the three answers'

