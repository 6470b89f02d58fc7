from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 3

@test_case(points=0.75, hidden=False, 
    success_message="The example is right.", 
    failure_message="Sort the three numbers of the example, write the factors 3, 2, 1 below them, multiply, and let none be smaller than the one before. Then put them back in their places.")
def test_q6_example(corrected):
    import numpy as np
    got = np.asarray(corrected(np.array([0.04, 0.01, 0.03])))
    assert got.shape == (3,), 'as many numbers are to come back as went in'
    assert np.allclose(got, [0.06, 0.03, 0.06]), f'{got} is not the correction of 0.04, 0.01, 0.03'

@test_case(points=0.25, hidden=False, 
    success_message="told is a set of names; whether they are the right ones is not checked here.", 
    failure_message="told is to be a Python set of names of augmentations, as they stand in p_of. Is it not set yet?")
def test_q6_told_is_a_set(told):
    assert isinstance(told, set), 'told is not set yet, or is no Python set'
    assert all((str(name).isalpha() for name in told)), 'told: a set of names'

