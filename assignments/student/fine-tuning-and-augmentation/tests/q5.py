from otter.test_files import test_case

OK_FORMAT = False

name = "q5"
points = 3

@test_case(points=1, hidden=False, 
    success_message="The example is right.", 
    failure_message="The error below says which part it is. For stopped: go through the losses from the left, and write down the lowest so far and how long ago it was. What can be known then? For lowest_possible: which two logits does the loss see, and what does softmax make of them?")
def test_q5_example(stopped, lowest_possible):
    both = stopped([0.6, 0.5, 0.55, 0.52, 0.45, 0.4], 2)
    assert both is not None and len(both) == 2, 'stopped should return two things: epochs trained, epoch kept'
    trained, kept = both
    assert trained == 4, f'with a patience of 2, training does not end after {trained} epochs'
    assert kept == 1, f'the weights that are kept are not those of epoch {kept}'
    assert hasattr(lowest_possible, '__float__'), 'lowest_possible should be a number, a loss in nats, not text or nothing'
    assert 0 <= float(lowest_possible) < 1, f'lowest_possible: a loss in nats, and {lowest_possible} is not plausible'

