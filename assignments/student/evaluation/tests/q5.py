from otter.test_files import test_case

OK_FORMAT = False

name = "q5"
points = 3

@test_case(points=1, hidden=False, 
    success_message="A threshold of the grid and a cost, and the example is right.", 
    failure_message="Validation: labels 0 0 0 1 1, scores 0.1 0.3 0.45 0.4 0.9. Test: labels 0 0 1 1, scores 0.2 0.45 0.1 0.6. Grid 0.5 0.2 0.4 0.35 0.8, costs 1 and 10. Count the errors by hand. Which set chooses, which says what the choice is worth? And of two equally cheap ones?")
def test_q5_example(threshold_and_cost):
    import numpy as np
    validation = (np.array([0, 0, 0, 1, 1]), np.array([0.1, 0.3, 0.45, 0.4, 0.9]))
    test = (np.array([0, 0, 1, 1]), np.array([0.2, 0.45, 0.1, 0.6]))
    both = threshold_and_cost(validation, test, [0.5, 0.2, 0.4, 0.35, 0.8], 1, 10)
    assert both is not None and len(both) == 2, 'threshold_and_cost should return two things: threshold, mean cost'
    threshold, cost = both
    assert threshold in (0.5, 0.2, 0.4, 0.35, 0.8), 'the threshold is one of the grid'
    assert threshold != 0.35, '0.4 is as cheap and comes first in grid. Is a score equal to the threshold called dog?'
    assert threshold == 0.4, f'{threshold} is not the cheapest threshold on the images that choose'
    assert abs(cost - 2.75) < 1e-09, f'the mean cost that you may expect on new images is not {cost}'
    threshold, _ = threshold_and_cost(validation, test, [0.8, 0.35, 0.4], 1, 10)
    assert threshold == 0.35, 'in the grid 0.8, 0.35, 0.4 two are equally cheap, and 0.35 comes first'

