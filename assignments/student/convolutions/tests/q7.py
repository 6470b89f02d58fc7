from otter.test_files import test_case

OK_FORMAT = False

name = "q7"
points = 4

@test_case(points=1, hidden=False, 
    failure_message="A window of 3 × 3 ones and a kernel of ninths: one sum, which is 1. The head's weights are -1 and 1, so these are the logits, too. The label is 1, and the other class has the probability 0.1192. Follow the four steps with these numbers.")
def test_one_place(gradient):
    import numpy as np
    result = gradient(np.ones((3, 3)), np.full((3, 3), 1 / 9), np.array([-1.0, 1.0]), 1)
    assert isinstance(result, (tuple, list)) and len(result) == 2, f'two arrays are to be returned, not {result}'
    d_kernel, d_weights = result
    p = 1 / (1 + np.exp(2))
    assert np.shape(d_kernel) == (3, 3) and np.shape(d_weights) == (2,), 'one slope for each number is to be returned'
    assert np.allclose(d_kernel, np.full((3, 3), -2 * p), atol=0.0001), f'along the kernel: {d_kernel}'
    assert np.allclose(d_weights, [p, -p], atol=0.0001), f'along the weights of the head: {d_weights}'

