from otter.test_files import test_case

OK_FORMAT = False

name = "q7"
points = 3

@test_case(points=1, hidden=False, 
    success_message="On the example, every group lies on one side, and the share is right.", 
    failure_message="What is drawn at random: pictures, or groups? When is the test set large enough?")
def test_q7_example(split_by_group):
    import numpy as np
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    is_test = np.asarray(split_by_group(groups, 0.4, 1))
    assert is_test.shape == (10,) and set(np.unique(is_test).tolist()) <= {True, False}, 'ten times True or False'
    assert is_test.sum() == 4, 'two of five groups make four of ten pictures'
    assert (is_test[::2] == is_test[1::2]).all(), 'a group is on both sides'

