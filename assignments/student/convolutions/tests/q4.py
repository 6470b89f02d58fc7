from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = 3

@test_case(points=0.5, hidden=False, 
    failure_message="Two kernels of 3, one on the other: a unit of the second reads 3 neighbouring units of the first. Draw the pixels that these three see together, and count them: first for a stride of 1, then with the first layer's units 2 pixels apart.")
def test_two_layers(receptive_field):
    for stride, side in ((1, 5), (2, 7)):
        result = receptive_field([(3, stride), (3, 1)])
        assert result == side, f'receptive_field([(3, {stride}), (3, 1)]) is {result}'

@test_case(points=0.25, hidden=False, 
    failure_message="The variable sees must be a whole number, the side of a square in pixels. Did you put the result of receptive_field for the network into it?")
def test_sees(sees):
    import numpy as np
    number = isinstance(sees, (int, float, np.number)) and (not isinstance(sees, bool))
    assert number and sees >= 1 and (sees % 1 == 0), f'sees is {sees!r}'

