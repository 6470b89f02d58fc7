from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = 3

@test_case(points=0.75, hidden=False, 
    success_message="The example is right, to three decimals.", 
    failure_message="Compute the pieces one by one for 90 of 100, and look at the brackets. Is p a share, and n the number of images? Is z the one for two sides, about 1.96?")
def test_q1_example(interval):
    low, high = interval(90, 100)
    assert low < 0.9 < high, 'the share of right answers, 0.9, should lie between the two ends'
    assert abs(low - 0.826) < 0.001 and abs(high - 0.945) < 0.001, 'the ends for 90 right of 100 are others'

@test_case(points=0.25, hidden=False, 
    success_message="times_as_many is a factor greater than 1; whether it is the right one is not checked here.", 
    failure_message="times_as_many is to be a number greater than 1. Is it not set yet?")
def test_q1_factor_is_a_number(times_as_many):
    from numbers import Real
    assert isinstance(times_as_many, Real), 'times_as_many is not set yet, or is no number'
    assert times_as_many > 1, 'times_as_many: a factor greater than 1'

