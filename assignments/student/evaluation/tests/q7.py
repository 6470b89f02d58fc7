from otter.test_files import test_case

OK_FORMAT = False

name = "q7"
points = 3

@test_case(points=0.75, hidden=False, 
    success_message="On the example, every group lies on one side, and the share is right.", 
    failure_message="What is drawn at random: pictures, or groups? When is the test set large enough, counted in what? Print the share after each group that goes in.")
def test_q7_example(split_by_group):
    import numpy as np
    groups = np.array([*'abcdefghijklmnopqrst', *'acegikmoqs', *'afkp'])
    for seed in range(10):
        is_test = np.asarray(split_by_group(groups.copy(), 0.3, seed))
        assert is_test.shape == (34,) and is_test.dtype == bool, '34 pictures of 20 groups: an array of 34 times True or False is to come back'
        sizes = {group: int((groups == group).sum()) for group in groups[is_test].tolist()}
        torn = sorted(set(sizes) & set(groups[~is_test].tolist()))
        assert not torn, f'a group should be on one side only, and these are on both: {torn}'
        assert is_test.sum() >= 0.3 * 34, f'{is_test.sum()} of 34 pictures are less than the share of 0.3'
        assert is_test.sum() - max(sizes.values()) < 0.3 * 34, f'{is_test.sum()} of 34: the share of 0.3 was reached before the last group came in'

@test_case(points=0.25, hidden=False, 
    success_message="The same seed gives the same split, another seed another one.", 
    failure_message="The order of the groups is what is drawn at random. Which generator draws it, what is it made from, and does the order go into the split?")
def test_q7_seed(split_by_group):
    import numpy as np
    groups = np.array([*'abcdefghijklmnopqrst', *'acegikmoqs', *'afkp'])
    first, again, other = (np.asarray(split_by_group(groups.copy(), 0.3, seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again), 'the same seed gives two different splits'
    assert not np.array_equal(first, other), 'another seed gives the same split, or there is none'

