from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = 2

@test_case(points=0.5, hidden=False, 
    failure_message="Write the weights of one filter on paper: 3 × 3 of them for each of the 3 channels, and one bias. There are 4 filters, and each is used in 64 places.")
def test_small_layer(cost):
    import numpy as np
    result = cost(8, 8, 3, 4, 3)
    assert np.shape(result) == (2,), f'two numbers are to be returned, not {result}'
    assert tuple(result) == (112, 6912), f'cost(8, 8, 3, 4, 3) is {result}'

