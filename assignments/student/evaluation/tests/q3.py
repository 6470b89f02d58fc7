from otter.test_files import test_case

OK_FORMAT = False

name = "q3"
points = 4

@test_case(points=0.5, hidden=False, 
    success_message="All three have the right form; whether they are right is not checked here.", 
    failure_message="Each of the three is a dictionary with the keys rival 1 and rival 2. The last line of the check says which of the values has another form than the text says.")
def test_q3_form(intervals_overlap, p_value, replace_by):
    from numbers import Real
    for given in (intervals_overlap, p_value, replace_by):
        assert isinstance(given, dict), 'each of the three is a dictionary'
        assert set(given) == {'rival 1', 'rival 2'}, 'the keys are rival 1 and rival 2'
    assert all((flag in (True, False) for flag in intervals_overlap.values())), 'intervals_overlap: True or False'
    assert all((isinstance(p, Real) for p in p_value.values())), 'p_value: one is not set yet, or is no number'
    assert all((0 <= float(p) <= 1 for p in p_value.values())), 'p_value: numbers from 0 to 1'
    assert all((word in ('better', 'worse', 'cannot tell') for word in replace_by.values())), 'replace_by: one of three words'

