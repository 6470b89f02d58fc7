from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 3

@test_case(points=0.5, hidden=False, 
    success_message="The example is right.", 
    failure_message="In the example one model alone is right on four images, and the other alone on none. What is the chance that four coins all fall to the same side, whichever of the two it is?")
def test_q2_example(exact_p):
    import numpy as np
    labels = np.zeros(10, int)
    guess_a = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    guess_b = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    p = exact_p(labels, guess_a, guess_b)
    assert 0 <= p <= 1, 'a p-value lies between 0 and 1'
    assert abs(p - 0.125) < 1e-06, f'{p} is not the p-value of this example'

