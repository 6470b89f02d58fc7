from otter.test_files import test_case

OK_FORMAT = False

name = "bonus"
points = 1

@test_case(points=0.25, hidden=False, 
    success_message="A loss in nats.", 
    failure_message="Set lowest_possible to a number. Which two outputs has the model when it is sure and right, and what does the softmax in the loss make of these two?")
def test_bonus_form(lowest_possible):
    assert hasattr(lowest_possible, '__float__'), 'lowest_possible should be a number, a loss in nats, not text or nothing'
    assert 0.1 < float(lowest_possible) < 1, f'lowest_possible: a loss in nats, and {lowest_possible} is not plausible'

