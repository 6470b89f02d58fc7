from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = 3

@test_case(points=0.75, hidden=False, 
    success_message="The example is right, to three decimals.", 
    failure_message="Compute the pieces one by one for 90 of 100, and look at the brackets: which of them reaches how far? Is p a share, and n the number of images? Is z the one for two sides, about 1.96?")
def test_q1_example(interval):
    ends = interval(90, 100)
    assert ends is not None and len(ends) == 2, 'interval should return two numbers: the lower and the upper end'
    low, high = ends
    assert low < 0.9 < high, 'the share of right answers, 0.9, should lie between the two ends'
    assert abs(low - 0.826) < 0.001 and abs(high - 0.945) < 0.001, f'90 right of 100: {low:.3f} and {high:.3f} are not the ends'

@test_case(points=0.25, hidden=False, 
    success_message="times_as_many is a factor greater than 1; whether it is the right one is not checked here.", 
    failure_message="times_as_many is to be a number greater than 1, by which the number of images is multiplied. Is it not set yet?")
def test_q1_factor_is_a_number(times_as_many):
    from numbers import Real
    assert isinstance(times_as_many, Real), 'times_as_many is not set yet, or is no number'
    assert times_as_many > 1, 'times_as_many: a factor greater than 1'

