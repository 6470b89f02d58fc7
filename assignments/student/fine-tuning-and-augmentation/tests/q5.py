from otter.test_files import test_case

OK_FORMAT = False

name = "q5"
points = 3

@test_case(points=1, hidden=False, 
    success_message="The example is right.", 
    failure_message="Losses 0.6, 0.5, 0.55, 0.52, 0.45, 0.4 and a patience of 2: go through them from the left, and beside each write the lowest so far and how many epochs ago it was. When is that as many as patience? What can be known then, and what is still to come?")
def test_q5_example(stopped):
    both = stopped([0.6, 0.5, 0.55, 0.52, 0.45, 0.4], 2)
    assert both is not None and len(both) == 2, 'stopped should return two things: epochs trained, epoch kept'
    trained, kept = both
    assert trained == 4, f'with a patience of 2, training does not end after {trained} epochs'
    assert kept == 1, f'the weights that are kept are not those of epoch {kept}'

