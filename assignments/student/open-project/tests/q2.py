from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 3

@test_case(points=0.5, hidden=False, 
    success_message="Two accuracies and one share.", 
    failure_message="validation_accuracy is a dictionary with the keys A and B, and all three numbers are shares, from 0 to 1: no percentages, no counts.")
def test_q2_form(validation_accuracy, discordant):
    import numpy as np
    assert isinstance(validation_accuracy, dict) and set(validation_accuracy) == {'A', 'B'}, 'the keys are A and B'
    for name, value in (*validation_accuracy.items(), ('discordant', discordant)):
        number = np.ndim(value) == 0 and np.asarray(value).dtype.kind == 'f'
        assert number and 0 <= float(value) <= 1, f'{name}: a share from 0 to 1, not {value!r}'
    assert float(validation_accuracy['A']) > 0, 'an accuracy of 0 is hardly right'

