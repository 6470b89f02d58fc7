from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 3

@test_case(points=1, hidden=False, 
    success_message="The example is right.", 
    failure_message="The last line of the check says which part it is. For choose_rate: which of the five numbers of a run may choose? Training data fits, validation data chooses, test data is looked at once. For destroyed: a set of rates.")
def test_q6_example(choose_rate, destroyed):

    def numbers(train, validation, right):
        return {'train loss': train, 'validation loss': validation, 'validation accuracy': right, 'test accuracy': right}
    runs = {0.1: numbers(0.01, 0.5, 0.9), 0.01: numbers(0.1, 0.3, 0.88), 0.001: numbers(0.3, 0.35, 0.8)}
    for of_probe, want, why in ((numbers(0.4, 0.4, 0.85), 0.01, 'another rate has the lowest loss on the images that choose'), (numbers(0.4, 0.25, 0.85), None, 'no run has a lower loss than the probe')):
        got = choose_rate(runs, of_probe)
        assert got == want, f'choose_rate returns {got}, but {why}. Runs: {runs}. Probe: {of_probe}'
    assert hasattr(destroyed, '__iter__'), 'destroyed should be a set of rates, also if there is only one'
    assert set(destroyed) <= {1e-05, 0.0003, 0.03}, 'destroyed: a set of some of the three rates'

