from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = 3

@test_case(points=1, hidden=False, 
    success_message="The example is right: images and labels are mixed in the same way.", 
    failure_message="In the example the first image is three quarters itself (a cat) and one quarter its partner (a dog). How bright is the mixture, and what should a model answer?")
def test_q4_example(mixed):
    import numpy as np
    images = np.array([0.0, 8.0]).reshape(2, 1, 1, 1)
    both = mixed(images, np.array([0, 1]), 2, np.array([1, 0]), 0.75)
    assert both is not None and len(both) == 2, 'mixed should return two things: the blended images, their labels'
    blended, soft = both
    pixels = np.asarray(blended).ravel()
    assert np.allclose(pixels, [2, 6]), f"0 and 8, each the other's partner, share 0.75: {pixels} is not the blend"
    assert np.asarray(soft).shape == (2, 2), 'the labels should have the shape (images, classes)'
    assert np.allclose(soft, [[0.75, 0.25], [0.25, 0.75]]), f'classes 0 and 1, share 0.75: the labels do not say what the images show:\n{soft}'

