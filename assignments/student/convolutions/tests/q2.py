from otter.test_files import test_case

OK_FORMAT = False

name = "q2"
points = 2

@test_case(points=0.5, hidden=False, 
    failure_message="In a row of 10 pixels, at which pixels can a window of 3 begin? Count them. And if it moves by 2 pixels?")
def test_ten_pixels(side):
    for stride, places in ((1, 8), (2, 4)):
        result = side(10, 3, stride, 'valid')
        assert result == places, f"side(10, 3, {stride}, 'valid') is {result}"

@test_case(points=0.25, hidden=False, 
    failure_message="In a row of 7 pixels, and in one of 8, mark the first pixel, and from then on every second one. How many marks are there?")
def test_seven_pixels(side):
    for size in (7, 8):
        result = side(size, 3, 2, 'same')
        assert result == 4, f"side({size}, 3, 2, 'same') is {result}"

