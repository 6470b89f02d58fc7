from otter.test_files import test_case

OK_FORMAT = False

name = "q1"
points = 5

@test_case(points=1, hidden=False, 
    success_message="Both functions give one class for each image.", 
    failure_message="For twelve images, both functions are to return twelve whole numbers from 0 to 5: classes, not logits and not names.")
def test_q1_form(arm_a, arm_b):
    import numpy as np
    from tlbook import sketches
    batch = sketches.make_set(sketches.SOURCE_SPECIES[11:17], 2, seed=1, size=64).images
    for name, arm in (('arm_a', arm_a), ('arm_b', arm_b)):
        got = np.asarray(arm(batch.copy()))
        assert got.shape == (12,), f'{name}: one class for each of 12 images, but the shape is {got.shape}'
        assert got.dtype.kind in 'iu', f'{name}: whole numbers are wanted, not {got.dtype}'
        assert got.min() >= 0 and got.max() <= 5, f'{name}: classes run from 0 to 5'

