from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 3

@test_case(points=0.75, hidden=False, 
    success_message="The examples are right.", 
    failure_message="Sort the three numbers of the example, write the factors 3, 2, 1 below them, multiply, and let none be smaller than the one before, nor larger than 1. Then put them back in their places.")
def test_q6_example(corrected):
    import numpy as np
    got = np.asarray(corrected(np.array([0.04, 0.01, 0.03])))
    assert got.shape == (3,), 'as many numbers are to come back as went in'
    assert np.allclose(got, [0.06, 0.03, 0.06]), f'{got} is not the correction of 0.04, 0.01, 0.03'
    got = np.asarray(corrected(np.array([0.7, 0.6])))
    assert got.shape == (2,) and np.allclose(got, 1), f'{got}: no corrected p-value is larger than 1, nor smaller than the one before it'

@test_case(points=0.25, hidden=False, 
    success_message="told is a set of names; whether they are the right ones is not checked here.", 
    failure_message="told is to be a Python set of names of augmentations, as they stand in p_of: not p-values, and no list. Is it not set yet?")
def test_q6_told_is_a_set(told, p_of):
    assert isinstance(told, set), 'told is not set yet, or is no Python set'
    assert told <= set(p_of), 'told: names of augmentations, as they stand in p_of'

