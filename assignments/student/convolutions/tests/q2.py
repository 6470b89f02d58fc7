from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 2

@test_case(points=0.5, hidden=False, 
    failure_message="In a row of 10 pixels, at which pixels can a window of 3 begin? Count them.")
def test_ten_pixels(side):
    assert side(10, 3, 1, 'valid') == 8

