from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 3

@test_case(points=0.5, hidden=False, 
    success_message="The examples are right.", 
    failure_message="In the first example one model alone is right on one image, and the other alone on four. What is the chance that five coins show at most one head? And why twice that? The last line of the check says what the other examples are.")
def test_q2_example(exact_p):
    import numpy as np
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
    guess_a = np.array([0, 1, 0, 1, 0, 0, 1, 0, 1, 0])
    guess_b = np.array([0, 1, 0, 1, 1, 1, 0, 1, 0, 0])
    for p in (exact_p(labels, guess_a, guess_b), exact_p(labels, guess_b, guess_a)):
        assert p is not None, 'exact_p should return the p-value'
        assert 0 <= p <= 1, f'a p-value lies between 0 and 1, and {p} does not'
        assert abs(p - 0.375) < 1e-06, f'{p} is not the p-value of the first example'
    p = exact_p(labels, guess_a, guess_a)
    assert abs(p - 1) < 1e-09, f'where no image tells the two apart, the p-value is 1, not {p}'
    even = np.where(np.arange(10) < 2, 1 - labels, guess_b)
    p = exact_p(labels, even, np.where(np.arange(10) // 2 == 1, 1 - labels, guess_b))
    assert abs(p - 1) < 1e-09, f'each alone right on two: the p-value is 1, not {p}'

