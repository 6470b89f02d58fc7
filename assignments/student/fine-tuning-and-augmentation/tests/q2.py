from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 4

@test_case(points=1, hidden=False, 
    success_message="The example is right, and there are two sets of letters.", 
    failure_message="The last line of the check says which part it is. For changed: does one changed number in one array of a name suffice, and what of a change by a millionth? For the recipes: two sets of capital letters, A to E.")
def test_q2_example(changed, trains_convolutions, holds_statistics):
    import numpy as np
    before = {'a': [np.ones(2), np.ones(3)], 'b': [np.ones(2)], 'c': [np.ones((2, 2))]}
    after = {'a': [np.ones(2), np.array([1, 1, 1 + 1e-06])], 'b': [np.ones(2)], 'c': [np.array([[2.0, 1], [0, 1]])]}
    names = changed(before, after)
    assert names is not None, 'changed should return a set of names'
    assert set(names) == {'a', 'c'}, f'in a one number of the second array changed, by a millionth, in c two of four: not {sorted(names)}'
    for name, letters in (('trains_convolutions', trains_convolutions), ('holds_statistics', holds_statistics)):
        assert hasattr(letters, '__iter__'), f"{name} is still to be set: a set of letters, like {{'A', 'B'}}"
        assert set(letters) <= set('ABCDE'), f"{name} should be a set of capital letters, like {{'A', 'B'}}"

