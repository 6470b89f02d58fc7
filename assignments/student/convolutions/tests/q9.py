from otter.test_files import test_case

OK_FORMAT = False

name = "q9"
points = 1

@test_case(points=0.25, hidden=False, 
    success_message="One of the five letters. Whether it is the right one is seen when your work is graded.", 
    failure_message="One capital letter from A to E, in quotation marks, is wanted.")
def test_q9_form(reading):
    assert isinstance(reading, str), 'reading is a text: one letter in quotation marks'
    assert reading in ('A', 'B', 'C', 'D', 'E'), 'reading is one of the letters A to E'

