from otter.test_files import test_case

OK_FORMAT = False

name = "q7"
points = 2

@test_case(points=0.2, hidden=False, 
    success_message="One letter from a to e; whether it is the right one is not checked here.", 
    failure_message="reading is to be one of the letters a, b, c, d, e, as a text: put quotes around it.")
def test_q7_letter(reading):
    assert isinstance(reading, str) and reading in ('a', 'b', 'c', 'd', 'e'), f'reading is {reading!r}'

