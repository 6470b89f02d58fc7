from otter.test_files import test_case

OK_FORMAT = False

name = "q5"
points = 4

@test_case(points=0.5, hidden=False, 
    failure_message="Two pictures of one row: (1, 2, 4) and (0, 0, 0). With a shift of 1 their first parts are (2, 4) and (0, 0), their second ones (1, 2) and (0, 0). Work the four steps out on paper, with these numbers for descriptions.")
def test_two_pictures(change):
    import numpy as np
    two = np.array([[[1.0, 2.0, 4.0]], [[0.0, 0.0, 0.0]]])
    result = change(lambda x: x, two, 1)
    assert np.shape(result) == () and result is not None, f'one number is to be returned, not {result}'
    assert abs(result - 0.25) < 1e-09, f'the change is {result}, and should be 0.25'

@test_case(points=0.5, hidden=False, 
    failure_message="The variable left is a share, a number between 0 and 1 (what is divided by what?), and verdict one of the two texts in the question, letter by letter.")
def test_kinds(left, verdict):
    number = not isinstance(left, (bool, str)) and hasattr(left, '__float__')
    assert number and 0 < left < 1, f'left is {left}'
    assert verdict in ('most of it is gone', 'most of it is left'), f'verdict is {verdict!r}'

