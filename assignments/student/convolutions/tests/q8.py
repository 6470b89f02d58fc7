from otter.test_files import test_case

OK_FORMAT = False

name = "q8"
points = 3

@test_case(points=0.5, hidden=False, 
    failure_message="One layer, weights (1, 2), gradient (10, 0), learning rate 0.1. Which way does training go along the slope?")
def test_one_layer(step):
    import numpy as np
    after = step({'head': {'weights': np.array([1.0, 2.0])}}, {'head': np.array([10.0, 0.0])}, {}, 0.1, [])
    assert np.allclose(after['head']['weights'], [0, 2])

