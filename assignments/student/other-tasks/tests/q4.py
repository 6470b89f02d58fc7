from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = 3

@test_case(points=0.75, hidden=False, 
    success_message="The example is right, for each of its parts.", 
    failure_message="Colour the pixels of one part in both masks: those that are coloured twice, divided by those that are coloured at least once. What if none is coloured?")
def test_q4_example(part_iou):
    import numpy as np
    truth = np.array([[[0, 0, 1], [2, 1, 1]], [[0, 0, 0], [0, 1, 0]]])
    guess = np.array([[[0, 1, 1], [2, 2, 1]], [[0, 0, 0], [1, 1, 1]]])
    for part, want in ((0, 4 / 7), (1, 3 / 7), (2, 1 / 2)):
        got = part_iou(truth, guess, part)
        assert got is not None, 'the function returns nothing yet'
        assert abs(got - want) < 1e-06, f'part {part}: {want:.3f} over both images together, not {got}'
    assert np.isnan(part_iou(truth, guess, 5)), 'part 5 is in neither mask: np.nan is to be returned'

@test_case(points=0.25, hidden=False, 
    success_message="Two numbers, as they should be for the example.", 
    failure_message="Fill a mask with the most frequent part of the example and judge it twice: pixel by pixel, and part by part. A part that the guess never has: which IoU has it?")
def test_q4_lazy_example(lazy_pixels):
    import numpy as np
    truth = np.array([[[3, 3, 1], [3, 3, 1]]])
    result = lazy_pixels(truth)
    assert result is not None and len(result) == 2, 'two numbers are to be returned'
    assert np.allclose(result, (2 / 3, 1 / 3)), f'(4 of 6 pixels; 4/6 and 0, in the mean 1/3), not {tuple(result)}'

