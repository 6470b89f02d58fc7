from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = 3

@test_case(points=0.25, hidden=False, 
    success_message="The example is right.", 
    failure_message="Precision: of the images called dog, how many are dogs? Recall: of the dogs, how many were found? In which order are they returned? What does the text say of a model that calls nothing a dog?")
def test_q4_example(precision_recall):
    import numpy as np
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    guess = np.array([1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0])
    both = precision_recall(labels, guess)
    assert both is not None and len(both) == 2, 'precision_recall should return two numbers: precision, recall'
    precision, recall = both
    assert abs(precision - 0.4) < 1e-09, f'five images were called dog, two of these are dogs: not {precision}'
    assert abs(recall - 0.5) < 1e-09, f'there are four dogs, and two of them were found: not {recall}'
    precision, recall = precision_recall(labels, np.zeros(12, int))
    assert precision == 0 and recall == 0, 'where nothing was called dog, precision and recall are 0'

@test_case(points=0.25, hidden=False, 
    success_message="There are two letters; whether they are right is not checked here.", 
    failure_message="finder and most_accurate are to be letters in quotes. Is one of them not set yet?")
def test_q4_two_letters(finder, most_accurate):
    for name, letter in (('finder', finder), ('most_accurate', most_accurate)):
        assert isinstance(letter, str), f'{name} is not set yet, or is no text'
        assert letter in ('A', 'B', 'C'), f'{name}: A, B or C'

