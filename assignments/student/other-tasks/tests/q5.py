from otter.test_files import test_case

OK_FORMAT = False

name = "q5"
points = 4

@test_case(points=1, hidden=False, 
    success_message="An answer for each image, each in its place.", 
    failure_message="Each image gets the answer of the one model that was fitted without its fold. Print for each fold which images are fitted on and which are answered. Do the answers stand in the order of the images?")
def test_q5_places(cross_validated):
    import numpy as np
    y = np.array([0, 1, 1, 0] * 15)
    folds = np.array([7, 7, 3, 3, 5, 5] * 10)
    x = np.column_stack([y * 4.0 - 2 + np.sin(np.arange(60)), np.cos(np.arange(60))])
    got = cross_validated(x, y, folds)
    assert got is not None, 'the function returns nothing yet'
    assert np.shape(got) == (60,), f'60 images, 60 answers: not {np.shape(got)}'
    assert np.array_equal(got, y), 'these two classes lie far apart: every answer should be right'

