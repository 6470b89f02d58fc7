from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 3

@test_case(points=0.5, hidden=False, 
    failure_message="Two equal logits mean even odds: a probability of one half. What is minus its natural logarithm?")
def test_even_odds(cross_entropy):
    import numpy as np
    assert abs(cross_entropy(np.array([[0.0, 0.0]]), np.array([1])) - np.log(2)) < 1e-09

