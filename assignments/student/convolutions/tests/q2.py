from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 2

@test_case(points=0.5, hidden=False, 
    failure_message="In a row of 10 pixels, at which pixels can a window of 3 begin? Count them.")
def test_ten_pixels(side):
    result = side(10, 3, 1, 'valid')
    assert result == 8, f"side(10, 3, 1, 'valid') is {result}"

@test_case(points=0.25, hidden=False, 
    failure_message="In a row of 7 pixels, draw a line after every second one. Each group gets a place, the incomplete one at the end, too.")
def test_seven_pixels(side):
    result = side(7, 3, 2, 'same')
    assert result == 4, f"side(7, 3, 2, 'same') is {result}"

