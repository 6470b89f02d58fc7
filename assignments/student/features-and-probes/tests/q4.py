from otter.test_files import test_case

OK_FORMAT = False

name = "q4"
points = 2

@test_case(points=0.5, hidden=False, 
    success_message="Both have the right form.", 
    failure_message="How many numbers does one logit need? How many logits are there for N classes, and how many for two? And frozen_share: the part of backbone and head together that belongs to the backbone.")
def test_q4_example(head_parameters, frozen_share):
    count = head_parameters(3, 5)
    assert count == 20, f'a head for 3 features and 5 classes has another number of parameters than {count}'
    assert isinstance(frozen_share, float) and 0 <= frozen_share <= 1, 'frozen_share is a number from 0 to 1'
    assert frozen_share > 0.5, 'frozen_share must be more than one half: it is the share that stays as it was'

