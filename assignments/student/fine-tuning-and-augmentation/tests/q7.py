from otter.test_files import test_case

OK_FORMAT = False

name = "q7"
points = 4

@test_case(points=1, hidden=False, 
    success_message="The example is right, and there are two verdicts.", 
    failure_message="The last line of the check says which part it is. In the first example A is ahead in all four runs, by about as much each time, but on the same few images only. What would other images say? In the second, B is ahead in all runs and on many images.")
def test_q7_example(told_apart, home_verdict, shift_verdict):
    import numpy as np
    right_b = np.tile(np.arange(40) < 30, (4, 1))
    right_a = right_b.copy()
    right_a[:, 30:33] = True
    right_a[0, 30] = False
    both = told_apart(right_a, right_b)
    assert both is not None and len(both) == 2, 'told_apart should return two things: the verdict and the p-value'
    verdict, p = both
    assert 0 <= p <= 1, f'the second thing to return is a p-value, not {p}'
    assert verdict == 'cannot tell', f'first example: other images might turn it round, but the verdict is {verdict}'
    assert abs(p - 0.0858) < 0.0005, f'first example: the verdict is right, but p is about 0.086, and not {p:.3f}'
    right_a = np.tile(np.arange(40) < 20, (4, 1))
    right_b = np.tile(np.arange(40) < 32, (4, 1))
    right_b[0, 31] = False
    verdict, p = told_apart(right_a, right_b)
    assert verdict == 'B', f'second example: B is better on other runs and images, too, but the verdict is {verdict}'
    words = ('A', 'B', 'cannot tell')
    for name, given in (('home_verdict', home_verdict), ('shift_verdict', shift_verdict)):
        assert isinstance(given, str), f'{name} should be the verdict alone, a string'
        assert given in words, f"{name} should be 'A', 'B' or 'cannot tell'"

