from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = 3

@test_case(points=0.5, hidden=False, 
    failure_message="Count the places on paper. A window of 2 × 2 pixels has 2 places downwards in an image of 3 rows, and 3 across in one of 4 columns. How many are left if it moves by 2 pixels?")
def test_shape(convolve):
    import numpy as np
    for stride, shape in ((1, (2, 3)), (2, (1, 2))):
        result = convolve(np.arange(12.0).reshape(3, 4), np.array([[1.0, 2.0], [3.0, 4.0]]), stride)
        assert np.shape(result) == shape, f'with stride {stride} the shape is {np.shape(result)}'

@test_case(points=0.5, hidden=False, 
    failure_message="The first number belongs to the upper left window: 0 · 1 + 1 · 2 + 4 · 3 + 5 · 4. Which pixel does each weight meet in your function?")
def test_values(convolve):
    import numpy as np
    result = convolve(np.arange(12.0).reshape(3, 4), np.array([[1.0, 2.0], [3.0, 4.0]]))
    want = np.array([[34, 44, 54], [74, 84, 94]])
    assert np.shape(result) == want.shape and np.allclose(result, want), f'the map is {result}'

