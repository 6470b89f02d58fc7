from otter.test_files import test_case

OK_FORMAT = False

name = "q6"
points = 4

@test_case(points=1, hidden=False, 
    success_message="On the example the rule gives the right name, for two margins and two budgets.", 
    failure_message="Go through the four steps on paper. Who may take part? Who is the best of those? Whom do you compare with whom, and is the lower end of the interval above minus the margin, or only its middle? Which of several good enough ones is taken?")
def test_q6_example(choose):
    import numpy as np
    n = np.arange(200)
    right = {'large': n < 190, 'middle': n < 186, 'small': n < 176}
    cost = {'small': 1.0, 'large': 9.0, 'middle': 4.0}
    for budget, margin, name, why in ((10, 0.05, 'middle', 'middle loses 2 points, at most 4, and small more'), (10, 0.2, 'small', 'small loses 7 points, at most 11'), (10, 0.03, 'large', 'nothing cheaper is shown to lose so little'), (5, 0.001, 'middle', 'large costs too much, and middle is the best of the others')):
        got = choose(right, cost, budget, margin)
        assert got == name, f'budget {budget}, margin {margin}: {why}; not {got!r}'

