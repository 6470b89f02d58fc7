from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = 3

@test_case(points=1, hidden=False, 
    success_message="In the example the epochs are what they should be.", 
    failure_message="In the example all training images are 0, and augment adds 1 at its first call, 2 at its second, and so on. What should the images of the third epoch be? How often, and on what, do you call augment?")
def test_q3_example(training_epochs):
    import numpy as np
    calls = []

    def augment(images):
        calls.append(1)
        return images + len(calls)
    both = training_epochs(np.zeros((2, 1, 1, 1)), np.zeros((3, 1, 1, 1)), augment, 3)
    assert both is not None and len(both) == 2, 'training_epochs should return two things: epochs, validation images'
    epochs, validation = both
    assert len(epochs) == 3, 'three epochs were asked for'
    seen = [float(np.asarray(one).flat[0]) for one in epochs]
    assert seen == [1, 2, 3], f'the epochs are not the originals, changed anew: their images are {seen}'
    assert np.asarray(validation).shape == (3, 1, 1, 1), 'the validation images are the second thing to return'

