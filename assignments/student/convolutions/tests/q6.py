from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 3

@test_case(points=0.5, hidden=False, 
    failure_message="One image with two equal logits: both classes have a probability of one half. What is minus its natural logarithm, to nine decimals?")
def test_even_odds(cross_entropy):
    import numpy as np
    result = cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
    assert np.shape(result) == () and result is not None, f'one number is to be returned, not {result}'
    assert abs(result - np.log(2)) < 1e-09, f'the loss is {result}'

@test_case(points=0.5, hidden=False, 
    failure_message="Logits of 1000 and 0 give a loss of 0 for the label 0, and of 1000 for the label 1. Is np.exp infinite in your function, or is a probability rounded to 0, or cut off, before its logarithm is taken?")
def test_finite(cross_entropy):
    import numpy as np
    for label in (0, 1):
        result = cross_entropy(np.array([[1000.0, 0.0]]), np.array([label]))
        assert abs(result - 1000 * label) < 1e-06, f'for logits of 1000 and 0 and the label {label} the loss is {result}'

