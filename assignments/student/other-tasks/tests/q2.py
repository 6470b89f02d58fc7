from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 4

@test_case(points=0.75, hidden=False, 
    success_message="Both orders of the example are right.", 
    failure_message="Write the example on paper: the images by falling score, and beside each image that has the label the share of labelled ones down to it. The mean is over the labelled images.")
def test_q2_example(average_precision):
    truth = [0, 1, 0, 1, 0]
    got = average_precision(truth, [0.1, 0.9, 0.8, 0.4, 0.2])
    assert got is not None, 'the function returns nothing yet'
    assert abs(got - (1 / 1 + 2 / 3) / 2) < 1e-06, f'labelled images in places 1 and 3: not {got}'
    got = average_precision(truth, [5.0, -2.0, 4.0, 3.0, -1.0])
    assert abs(got - (1 / 3 + 2 / 5) / 2) < 1e-06, f'labelled images in places 3 and 5: not {got}'

@test_case(points=0.5, hidden=False, 
    success_message="The lazy model of the example is right as often as it should be.", 
    failure_message="Which answer is the more frequent one for each label, among the training images? Write it under each label of the test images: how many of them are right, and of how many?")
def test_q2_lazy_example(lazy_accuracy):
    import numpy as np
    train = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 0], [0, 0, 1]])
    got = lazy_accuracy(train, np.array([[1, 0, 0], [0, 1, 1]]))
    assert got is not None, 'the function returns nothing yet'
    assert abs(got - 3 / 6) < 1e-06, f'the answers 1, 0, 0 are right on 3 of 6 labels, not {got}'

