from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 4

@test_case(points=1, hidden=False, 
    success_message="On the example the rule gives the right name, for two margins and two budgets.", 
    failure_message="Go through the four steps on paper. Who may take part? Who is the best of those? Whom do you compare with whom, and is the whole interval above the margin, or only its middle?")
def test_q6_example(choose):
    import numpy as np
    n = np.arange(200)
    right = {'large': n < 190, 'middle': n < 186, 'small': n < 176}
    cost = {'small': 1.0, 'large': 9.0, 'middle': 4.0}
    assert choose(right, cost, 10, 0.05) == 'middle', 'margin 0.05: middle loses 2 points, at most 4'
    assert choose(right, cost, 10, 0.2) == 'small', 'margin 0.2: small loses 7 points, at most 11'
    assert choose(right, cost, 10, 0.03) == 'large', 'margin 0.03: nothing cheaper is shown to be good enough'
    assert choose(right, cost, 5, 0.001) == 'middle', 'large costs more than 5: the best of the others is middle'

