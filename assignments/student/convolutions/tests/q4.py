from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = 3

@test_case(points=0.5, hidden=False, 
    failure_message="Two kernels of 3, one on the other: a unit of the second reads 3 neighbouring units of the first. Draw the pixels that these three see together, and count them.")
def test_two_layers(receptive_field):
    assert receptive_field([(3, 1), (3, 1)]) == 5

