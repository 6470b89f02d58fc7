from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = 3

@test_case(points=0.5, hidden=False, 
    success_message="The example is right, and there are two letters.", 
    failure_message="Precision: of the images called dog, how many are? Recall: of the dogs, how many were found?")
def test_q4_example(precision_recall, finder, most_accurate):
    import numpy as np
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    guess = np.array([1, 1, 0, 0, 1, 1, 1, 0, 0, 0])
    precision, recall = precision_recall(labels, guess)
    assert abs(precision - 0.4) < 1e-09, 'five images were called dog, and two of these are dogs'
    assert abs(recall - 0.5) < 1e-09, 'there are four dogs, and two of them were found'
    assert finder in ('A', 'B', 'C') and most_accurate in ('A', 'B', 'C'), 'finder and most_accurate: A, B or C'

