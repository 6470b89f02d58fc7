from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = 3

@test_case(points=0.25, hidden=False, 
    success_message="Seven letters from A to F; whether they are the right ones is not checked here.", 
    failure_message="diagnoses is to be a list of seven letters, one for each plan: A, B, C, D, E or F. Each of them occurs.")
def test_q1_form(diagnoses):
    assert isinstance(diagnoses, (list, tuple, str)), 'diagnoses is not a list yet'
    assert len(diagnoses) == 7, f'seven plans, but {len(diagnoses)} letters'
    assert all((isinstance(one, str) and one in tuple('ABCDEF') for one in diagnoses)), 'only the letters A to F'

