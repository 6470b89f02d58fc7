from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 4

@test_case(points=1, hidden=False, 
    success_message="The example is right, and there are two sets of letters.", 
    failure_message="Compare every array of a name, number by number. What if the change is one in a million?")
def test_q2_example(changed, trains_convolutions, holds_statistics):
    import numpy as np
    before = {'a': [np.ones(2), np.zeros(3)], 'b': [np.ones(2)], 'c': [np.ones((2, 2))]}
    after = {'a': [np.ones(2), np.array([0, 0, 1e-06])], 'b': [np.ones(2)], 'c': [np.array([[2.0, 1], [0, 1]])]}
    assert set(changed(before, after)) == {'a', 'c'}, 'in the example something changed in a and in c'
    for letters in (trains_convolutions, holds_statistics):
        assert set(letters) <= set('ABCDE'), "sets of letters, like {'A', 'B'}"

