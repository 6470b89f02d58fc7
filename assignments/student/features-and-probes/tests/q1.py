from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = 2

@test_case(points=0.5, hidden=False, 
    success_message="The shape is right, and so are the numbers of this example.", 
    failure_message="Which axes of (n, h, w, d) count places, and which axis counts the maps? The places become one number: which one, by the name *average* pooling?")
def test_q1_example(pooled):
    import numpy as np
    maps = np.arange(24.0).reshape(1, 2, 3, 4)
    got = np.asarray(pooled(maps))
    assert got.shape == (1, 4), f'1 image with 4 maps should give the shape (1, 4), not {got.shape}'
    assert np.allclose(got, [[10, 11, 12, 13]]), 'one of the four numbers is not that of its map'

