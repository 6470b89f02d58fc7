from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = 3

@test_case(points=0.5, hidden=False, 
    success_message="Encoded and decoded, the examples are what they were.", 
    failure_message="Draw the circle: where is 90 degrees, and what are its cosine and sine? NumPy takes radians. Which function finds an angle from both, in all four quarters?")
def test_q3_circle(encode, decode):
    import numpy as np
    targets = encode(np.array([0.0, 90.0, 210.0]))
    assert np.shape(targets) == (3, 2), f'three angles make the shape (3, 2), not {np.shape(targets)}'
    assert np.allclose(targets, [[1, 0], [0, 1], [-np.sqrt(3) / 2, -0.5]], atol=1e-06), 'cosine first, then sine'
    back = decode(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]))
    assert back is not None and np.shape(back) == (3,), f'three directions make the shape (3,), not {np.shape(back)}'
    apart = (np.asarray(back, float) - [0, 90, 225] + 180) % 360 - 180
    assert np.abs(apart).max() < 1e-06, f'to the right, straight up, down to the left: not {back}'
    assert np.min(back) >= 0 and np.max(back) <= 360, f'angles from 0 to 360, not {back}'

@test_case(points=0.5, hidden=False, 
    success_message="Two angles on either side of 0 are near each other.", 
    failure_message="How far is it from 350 to 10 degrees, walking the shorter way? Can the way ever be longer than 180?")
def test_q3_short_way(angular_error):
    import numpy as np
    got = angular_error(np.array([350.0, 10.0]), np.array([10.0, 350.0]))
    assert got is not None and abs(got - 20) < 1e-06, f'from 350 to 10 it is 20 degrees, not {got}'
    got = angular_error(np.array([0.0, 90.0]), np.array([180.0, 100.0]))
    assert abs(got - 95) < 1e-06, f'180 and 10 degrees have the mean 95, not {got}'

