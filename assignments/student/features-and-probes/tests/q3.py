from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = 4

@test_case(points=1, hidden=False, 
    success_message="A value of the grid comes back, and in this example it is the right one.", 
    failure_message="Print the number by which you compare, for every c. Is it the loss, from probabilities, on images that the model was not fitted on? And where is it lowest?")
def test_q3_example(choose_C):
    import numpy as np
    rng = np.random.default_rng(0)
    direction = rng.normal(size=30)
    rows = rng.normal(size=(400, 30))
    answers = (rows @ direction + rng.normal(0, 4, 400) > 0).astype(int)
    grid = [100.0, 0.0001, 0.03, 3.0]
    got = choose_C(rows[:80], answers[:80], rows[80:], answers[80:], grid)
    assert got in grid, f'one of {grid} is to be returned, not {got}'
    assert got == 0.03, f'{got} is not the best of {grid} for this example'

