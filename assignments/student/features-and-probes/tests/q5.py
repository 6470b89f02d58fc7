from otter.test_files import test_case

OK_FORMAT = False

name = "q5"
points = 4

@test_case(points=1, hidden=False, 
    success_message="Three times 400 predicted classes, and one of the three answers.", 
    failure_message="For each of the three names, one predicted class (0 or 1) for each test image is wanted.")
def test_q5_form(predicted, what_transfers):
    import numpy as np
    assert isinstance(predicted, dict) and set(predicted) == {'pretrained', 'random weights', 'raw pixels'}, 'predicted is a dictionary with the three names of the question, spelled as there'
    for name, classes in predicted.items():
        classes = np.asarray(classes)
        assert classes.shape == (400,), f'{name}: one class for each of the 400 test images, not {classes.shape}'
        assert set(np.unique(classes).tolist()) <= {0, 1}, f'{name}: classes, 0 or 1, not logits or probabilities'
    one, two, three = map(np.asarray, predicted.values())
    assert (one != two).any() and (one != three).any() and (two != three).any(), 'two names have the same classes: has each a probe of its own?'
    assert what_transfers in ('architecture', 'learned weights', 'pixels'), 'what_transfers is one of the three answers'

