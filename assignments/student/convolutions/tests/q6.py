from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 3

@test_case(points=0.5, hidden=False, 
    failure_message="Two equal logits mean even odds: a probability of one half. What is minus its natural logarithm?")
def test_even_odds(cross_entropy):
    import numpy as np
    result = cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
    assert abs(result - np.log(2)) < 1e-09, f'the loss is {result}'

@test_case(points=0.5, hidden=False, 
    failure_message="Logits of 1000 and 0 must give a finite loss, whichever class is the labelled one. Which number can you subtract from both so that np.exp stays finite?")
def test_finite(cross_entropy):
    import numpy as np
    for label in (0, 1):
        result = cross_entropy(np.array([[1000.0, 0.0]]), np.array([label]))
        assert np.isfinite(result), f'for logits of 1000 and 0 and the label {label} the loss is {result}'

