from otter.test_files import test_case

OK_FORMAT = False

name = "q8"
points = 3

@test_case(points=0.25, hidden=False, 
    failure_message="One layer, weights (1, 2), gradient (10, 0), learning rate 0.1. Which way does training go along the slope?")
def test_one_layer(step):
    import numpy as np
    after = step({'head': {'weights': np.array([1.0, 2.0])}}, {'head': np.array([10.0, 0.0])}, {}, 0.1, [])
    assert isinstance(after, dict) and 'head' in after, f'a dictionary of all layers is to be returned, not {after}'
    result = after['head']['weights']
    assert np.shape(result) == (2,) and np.allclose(result, [0, 2]), f'the weights after the step are {result}'

@test_case(points=0.25, hidden=False, 
    failure_message="The function must return new weights, (0, 2) here, and leave those that it was given at (1, 2).")
def test_given_in_place(step):
    import numpy as np
    given = {'head': {'weights': np.array([1.0, 2.0])}}
    after = step(given, {'head': np.array([10.0, 0.0])}, {}, 0.1, [])
    assert isinstance(after, dict) and 'head' in after, f'a dictionary of all layers is to be returned, not {after}'
    new, old = (after['head']['weights'], given['head']['weights'])
    assert np.allclose(new, [0, 2]) and np.allclose(old, [1, 2]), f'returned {new}, and the given weights are {old}'

@test_case(points=0.25, hidden=False, 
    failure_message="The variable moves must be a list of names of the three layers (or an empty list).")
def test_names(moves):
    assert isinstance(moves, (list, tuple, set)), f'moves is {moves!r}'
    assert set(moves) <= {'filter', 'norm', 'head'}, f'moves is {moves!r}'

