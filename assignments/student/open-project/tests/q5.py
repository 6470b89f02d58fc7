from otter.test_files import test_case

OK_FORMAT = False

name = "q5"
points = 5

@test_case(points=1, hidden=False, 
    success_message="All three have the right form.", 
    failure_message="Under A and B, 480 classes from 0 to 5 are wanted; p_value is a number from 0 to 1; verdict is one of three words.")
def test_q5_form(predicted, p_value, verdict):
    import numpy as np
    assert isinstance(predicted, dict) and set(predicted) == {'A', 'B'}, 'predicted has the keys A and B'
    for name, classes in predicted.items():
        classes = np.asarray(classes)
        assert classes.shape == (480,) and classes.dtype.kind in 'iu', f'{name}: one class for each of 480 images'
        assert classes.min() >= 0 and classes.max() <= 5, f'{name}: classes run from 0 to 5'
    assert np.ndim(p_value) == 0 and np.asarray(p_value).dtype.kind in 'iuf', 'p_value: a number'
    assert 0 <= float(p_value) <= 1, 'p_value: from 0 to 1'
    assert verdict in ('A', 'B', 'cannot tell'), 'verdict: A, B or cannot tell'

