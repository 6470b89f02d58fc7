from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 3

@test_case(points=0.5, hidden=False, 
    success_message="Two arrays of the right shape, and the example is right.", 
    failure_message="Each feature has a mean and a spread of its own, over the rows of the training features. What happens to a feature that never changes?")
def test_q2_example(standardised):
    import numpy as np
    result = standardised(np.array([[0.0, 5.0], [2.0, 5.0]]), np.array([[4.0, 7.0]]))
    assert len(result) == 2, 'two arrays are to be returned: training features and the others'
    train, other = (np.asarray(one) for one in result)
    assert train.shape == (2, 2) and other.shape == (1, 2), 'the shapes are to stay as they were'
    assert np.allclose(train, [[-1, 0], [1, 0]]), 'the training features are not on the new scale'
    assert np.allclose(other, [[3, 2]]), 'the other features were not changed by the numbers of the training features'

