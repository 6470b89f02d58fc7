from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 3

@test_case(points=0.5, hidden=False, 
    success_message="Two arrays of the right shape, and the example is right.", 
    failure_message="Print the means and the spreads by which you change the rows of the example. How many of each are there, over which rows are they taken, and is the spread that of np.std?")
def test_q2_example(standardised):
    import numpy as np
    result = standardised(np.array([[0.0, 5.0], [2.0, 1.0]] * 3), np.array([[4.0, 9.0]]))
    assert result is not None, 'the function returns nothing yet'
    assert len(result) == 2, 'two arrays are to be returned: training features and the others'
    train, other = (np.asarray(one) for one in result)
    assert train.shape == (6, 2) and other.shape == (1, 2), 'the shapes are to stay as they were'
    assert np.allclose(train, [[-1, 1], [1, -1]] * 3), 'training features not on the scale: which np.std, over which rows?'
    assert np.allclose(other, 3), 'the other features were not changed by the numbers of the training features'

@test_case(points=0.5, hidden=False, 
    success_message="The arrays that were handed in are as they were.", 
    failure_message="Does a line of the function write into train or other, instead of making a new array?")
def test_q2_inputs_in_place(standardised):
    import numpy as np
    train, other = (np.array([[1.0, 8.0], [5.0, 2.0], [3.0, 2.0]]), np.array([[4.0, 7.0]]))
    before = (train.copy(), other.copy())
    result = standardised(train, other)
    assert result is not None and len(result) == 2, 'two arrays are to be returned: training features and the others'
    assert [np.shape(one) for one in result] == [(3, 2), (1, 2)], 'the shapes are to stay as they were'
    assert np.array_equal(train, before[0]), 'the training features that were handed in have changed'
    assert np.array_equal(other, before[1]), 'the other features that were handed in have changed'

