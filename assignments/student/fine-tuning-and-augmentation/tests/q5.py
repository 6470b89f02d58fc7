from otter.test_files import test_case

OK_FORMAT = False

name = "q5"
points = 3

@test_case(points=1, hidden=False, 
    success_message="The example is right.", 
    failure_message="Two equal logits are two equal probabilities. Which ones, and what is minus the natural logarithm of one of them?")
def test_q5_example(loss_from_logits, lowest_possible):
    import numpy as np
    loss = float(loss_from_logits(np.array([[5.0, 5.0], [-3.0, -3.0]]), np.array([0, 1])))
    assert abs(loss - 0.693147) < 1e-05, f'{loss} is not the loss of two equal logits'
    assert 0 <= float(lowest_possible) < 1, 'lowest_possible: a loss, in nats'

