from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = 3

@test_case(points=1, hidden=False, 
    success_message="In this example the smallest difference is the right one.", 
    failure_message="Go through the differences from the smallest on. How many images does each take, with this share of discordant ones, and which is the first that n images are enough for?")
def test_q3_example(detectable):
    import numpy as np
    got = detectable(480, 0.3)
    assert np.ndim(got) == 0 and got is not None, 'one number is to be returned'
    assert 0 < float(got) <= 0.5, f'a share from 0.01 to 0.50, where 0.01 is one point, not {float(got):g}'
    assert abs(float(got) - 0.08) < 1e-09, f'with 480 images of which 30 % are discordant it is not {float(got):g}'

