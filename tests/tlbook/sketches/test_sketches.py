"""The drawings: records, rendering, masks and dials."""

import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlbook import sketches
from tlbook.sketches import FACTORS, SHIFTS, SPECIES, Choice, Factors, Number


def rng(seed=0):
    return np.random.default_rng(seed)


def clean(species="cat", seed=0, **more):
    """A record without occluder, blur and noise, so that single factors can be seen."""
    plain = {"occluder_size": 0, "blur": 0, "noise": 0, "light": 1, "gamma": 1, "contrast": 1}
    return sketches.sample(species, rng(seed), **(plain | more))


# ---- records ----


def test_species_begin_with_the_target_and_have_enough_sources():
    assert SPECIES[:2] == sketches.TARGET_SPECIES == ("cat", "dog")
    assert len(sketches.SOURCE_SPECIES) >= 12
    assert not set(sketches.SOURCE_SPECIES) & {"cat", "dog"}
    assert len(set(SPECIES)) == len(SPECIES)


@pytest.mark.parametrize("species", SPECIES)
def test_every_drawn_factor_lies_in_its_documented_range(species):
    for seed in range(40):
        record = sketches.sample(species, rng(seed))
        assert tuple(record) == tuple(FACTORS)
        assert record.species == species
        for name, spec in FACTORS.items():
            assert spec.check(name, record[name]) == record[name]
            assert spec.meaning


def test_priors_cover_every_factor_and_only_known_words():
    for species in SPECIES:
        prior = sketches.prior(species)
        assert set(prior) == set(FACTORS) - {"species"}
        for name, distribution in prior.items():
            if isinstance(FACTORS[name], Choice):
                assert set(distribution.words) <= set(FACTORS[name].choices), (species, name)


def test_records_are_flat_immutable_and_comparable():
    record = clean()
    assert all(isinstance(value, (int, float, str)) for value in record.values())
    assert record == sketches.sample("cat", rng(0), **{k: record[k] for k in FACTORS if k != "species"})
    assert hash(record) == hash(record.replace())
    assert pickle.loads(pickle.dumps(record)) == record
    assert "ear_kind=" in repr(record)
    with pytest.raises(AttributeError, match="replace"):
        record.angle = 3
    with pytest.raises(AttributeError):
        record.nothing_like_it  # noqa: B018


def test_an_override_changes_that_factor_alone():
    before, after = sketches.sample("dog", rng(5)), sketches.sample("dog", rng(5), ear_kind="long", angle=33)
    changed = {name for name in FACTORS if before[name] != after[name]}
    assert changed == {"ear_kind", "angle"}
    assert after.ear_kind == "long"
    assert after.angle == 33


def test_text_rows_come_back_exactly():
    for seed in range(20):
        record = sketches.sample("fox", rng(seed))
        assert sketches.parse({name: str(value) for name, value in record.items()}) == record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"angle": 1000}, r"angle=1000: expected a number from -360 to 360"),
        ({"angle": "steep"}, "angle='steep'"),
        ({"angle": float("nan")}, "angle=nan"),
        ({"angle": True}, "angle=True"),
        ({"clutter": 2.5}, "clutter=2.5: expected a whole number"),
        ({"ear_kind": "square"}, "ear_kind='square': expected one of pointed"),
        ({"ears": 2}, "unknown factor ears; the factors are species, angle"),
    ],
)
def test_bad_factors_are_refused_with_what_would_do(change, message):
    with pytest.raises(ValueError, match=message):
        sketches.sample("cat", rng(), **change)
    with pytest.raises(ValueError, match=message):
        clean().replace(**change)


def test_other_bad_input_is_refused():
    with pytest.raises(ValueError, match="species='unicorn': give 'cat', 'dog', "):
        sketches.draw("unicorn", rng())
    with pytest.raises(ValueError, match="record lacks angle"):
        Factors(species="cat")
    for size in (8, 2000, 96.5, True):
        with pytest.raises(ValueError, match="from 16 to 1024"):
            sketches.render(clean(), size)


# ---- rendering ----


def test_a_drawing_is_a_function_of_its_record():
    record = sketches.sample("cat", rng(3))
    first, second = sketches.render(record), sketches.render(record)
    assert first.image.dtype == np.uint8
    assert first.image.shape == (96, 96, 3)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(sketches.draw("cat", rng(3)).image, first.image)
    assert not np.array_equal(sketches.draw("cat", rng(4)).image, first.image)


def test_another_process_draws_the_same():
    code = (
        "import numpy, hashlib; from tlbook.sketches import draw; "
        "print(hashlib.sha256(draw('owl', numpy.random.default_rng(9)).image.tobytes()).hexdigest())"
    )
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2)}
    import hashlib

    here = hashlib.sha256(sketches.draw("owl", rng(9)).image.tobytes()).hexdigest()
    assert runs == {here + "\n"}


def test_sketches_need_no_deep_learning_library():
    code = "import sys, tlbook.sketches; print(sorted({'tensorflow', 'keras', 'jax'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [n for n, s in FACTORS.items() if isinstance(s, Choice) and n != "species"])
def test_every_word_can_be_drawn_and_shows(name):
    pictures = set()
    base = clean(
        "dog", 2, body="paws", pattern="spots", pattern_strength=1, marking="blaze", marking_strength=1,
        crown_size=0.7, occluder_size=0.4, angle=0, scale=0.6, yaw=0, iris="blue", fur_colour="sand",
        second_colour="black", ear_kind="pointed", eye_size=0.3, nose_kind="oval", nose_size=0.2, collar="none",
    )  # fmt: skip
    for word in FACTORS[name].choices:
        pictures.add(sketches.render(base.replace(**{name: word}), 128).image.tobytes())
    assert len(pictures) == len(FACTORS[name].choices)


@pytest.mark.parametrize(
    "name",
    [n for n, s in FACTORS.items() if isinstance(s, Number) and n != "chance"],
)
def test_the_whole_range_of_every_number_can_be_drawn_and_shows(name):
    spec = FACTORS[name]
    base = clean(
        "cat", 1, body="bust", pattern="patches", pattern_strength=1, marking="patch", marking_strength=1,
        crown="tuft", collar="band", occluder_size=0.3, tongue=0.5, whiskers=0.7, fluff=0.5, shade=0.6, noise=0.05,
        mouth=0.3, smile=0.3, yaw=0.2, scale=0.6, iris="green", background="stripes", background_saturation=0.5,
        background_light=0.5, x=0.5, y=0.5, occluder="ball", blush=0.5,
    )  # fmt: skip
    values = (spec.low, spec.low + 0.4 * (spec.high - spec.low), spec.high)
    values = [int(value) if spec.integer else value for value in values]
    # Of angles and hues both ends are the same; what lies between is another.
    assert len({sketches.render(base.replace(**{name: value})).image.tobytes() for value in values}) > 1


def test_chance_does_not_show():
    record = clean()
    other = record.replace(chance=1 - record.chance)
    assert np.array_equal(sketches.render(record).image, sketches.render(other).image)


def test_sizes_show_the_same_scene():
    record = clean("dog", 6, noise=0)
    small = sketches.render(record, 96).image.astype(float)
    large = sketches.render(record, 192).image.astype(float).reshape(96, 2, 96, 2, 3).mean((1, 3))
    assert np.abs(small - large).mean() < 6
    assert sketches.render(record, 384).image.shape == (384, 384, 3)


@given(
    species=st.sampled_from(SPECIES),
    seed=st.integers(0, 100),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_any_allowed_record_can_be_drawn(species, seed, data):
    changes = {}
    for name, spec in FACTORS.items():
        if name != "species" and data.draw(st.integers(0, 3)) == 0:
            if isinstance(spec, Choice):
                changes[name] = data.draw(st.sampled_from(spec.choices))
            elif spec.integer:
                changes[name] = data.draw(st.integers(spec.low, spec.high))
            else:
                changes[name] = data.draw(st.floats(spec.low, spec.high))
    drawn = sketches.draw(species, rng(seed), size=32, **changes)
    assert drawn.image.shape == (32, 32, 3)
    assert drawn.image.dtype == np.uint8
    assert all(drawn.factors[name] == value for name, value in changes.items())
    assert not (drawn.masks["eyes"] & ~drawn.masks["head"]).any()


# ---- masks ----


@pytest.mark.parametrize("species", SPECIES)
def test_masks_lie_where_they_should(species):
    for seed in range(4):
        record = clean(species, seed, angle=0, tilt=0, yaw=0, scale=0.6, x=0.5, y=0.5)
        masks = sketches.render(record).masks
        assert set(masks) == {"head", "ears", "eyes", "muzzle"}
        assert all(m.dtype == bool and m.shape == (96, 96) for m in masks.values())
        head, ears, eyes, muzzle = (masks[k] for k in ("head", "ears", "eyes", "muzzle"))
        assert not (eyes & ~head).any()
        assert not (muzzle & ~head).any()
        assert not (ears & head).any()
        assert not (eyes & muzzle).any()
        assert 0.08 < head.mean() < 0.45
        assert eyes.any()
        assert muzzle.any()
        assert ears.any() == (record.ear_kind != "none")
        height = [np.nonzero(m)[0].mean() for m in (eyes, muzzle)]
        assert height[0] < height[1]  # eyes above the muzzle
        assert abs(np.nonzero(head)[1].mean() - 47.5) < 4


def test_masks_turn_with_the_head_and_follow_its_place():
    record = clean("cat", 2, angle=0, tilt=0, yaw=0, x=0.5, y=0.5, scale=0.5)
    upright = sketches.render(record).masks
    turned = sketches.render(record.replace(angle=180)).masks
    for part in upright:
        both = upright[part][::-1, ::-1] & turned[part]
        either = upright[part][::-1, ::-1] | turned[part]
        assert both.sum() / either.sum() > 0.85, part
    moved = sketches.render(record.replace(x=0.6)).masks
    assert np.nonzero(moved["head"])[1].mean() - np.nonzero(upright["head"])[1].mean() == pytest.approx(9.6, abs=0.6)


def test_what_is_covered_is_in_no_mask():
    record = clean("dog", 1, occluder="ball", occluder_x=0, occluder_y=0.5, occluder_size=0)
    bare, covered = sketches.render(record), sketches.render(record.replace(occluder_size=0.6))
    changed = (bare.image != covered.image).any(-1)
    lost = bare.masks["head"] & ~covered.masks["head"]
    assert lost.sum() > 50
    assert not (covered.masks["head"] & ~bare.masks["head"]).any()
    assert changed[lost].mean() > 0.9


def test_masks_do_not_depend_on_light_blur_noise_or_whiskers():
    record = clean("cat", 8)
    other = record.replace(light=0.3, blur=3, noise=0.3, gamma=3, whiskers=1 - record.whiskers, background="night")
    first, second = sketches.render(record).masks, sketches.render(other).masks
    assert all(np.array_equal(first[part], second[part]) for part in first)


# ---- dials ----

FACTOR_OF = {
    "rotated": {"angle"},
    "dark": {"light"},
    "blurred": {"blur"},
    "noisy": {"noise"},
    "gamma": {"gamma"},
    "occluded": {"occluder_size", "occluder_x", "occluder_y"},
    "small": {"scale"},
}


@given(
    name=st.sampled_from(sorted(SHIFTS)),
    strength=st.floats(0, 1),
    species=st.sampled_from(SPECIES),
    seed=st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None)
def test_a_dial_changes_its_own_factor_only_and_stays_in_range(name, strength, species, seed):
    record = sketches.sample(species, rng(seed))
    shifted = SHIFTS[name](strength)(record)
    assert {k for k in FACTORS if shifted[k] != record[k]} <= FACTOR_OF[name]
    assert SHIFTS[name](0.0)(record) == record


@pytest.mark.parametrize("name", sorted(SHIFTS))
def test_a_dial_moves_the_picture_further_the_further_it_is_turned(name):
    strengths = (0, 0.25, 0.5, 1.0) if name != "rotated" else (0, 0.1, 0.25, 0.5)
    records = [clean(s, seed, angle=0) for s in ("cat", "dog") for seed in range(8)]
    before = [sketches.render(r).image.astype(float) for r in records]
    moved = []
    for strength in strengths:
        after = [sketches.render(SHIFTS[name](strength)(r)).image for r in records]
        moved.append(np.mean([np.abs(a - b).mean() for a, b in zip(after, before, strict=True)]))
    assert moved[0] == 0
    assert all(later > earlier * 1.05 for earlier, later in itertools.pairwise(moved[1:]))


def test_rotation_goes_both_ways():
    turns = {
        np.sign(sketches.rotated(0.5)(r).angle - r.angle) for r in (sketches.sample("cat", rng(s)) for s in range(30))
    }
    assert turns == {-1, 1}


def test_gamma_can_go_both_ways():
    record = clean(gamma=1)
    images = [
        sketches.render(f(record)).image.mean()
        for f in (sketches.gamma(1), sketches.gamma(0), sketches.gamma(1, brighter=True))
    ]
    assert images[0] < images[1] < images[2]


@pytest.mark.parametrize("name", [*sorted(SHIFTS), "shortcut"])
@pytest.mark.parametrize("strength", [-0.1, 1.5, "much", None, True])
def test_strengths_out_of_range_are_refused(name, strength):
    with pytest.raises(ValueError, match=f"{name}.*strength from 0"):
        getattr(sketches, name)(strength)


def test_shortcut_ties_the_background_to_the_class_in_its_share():
    records = sketches.make_records(("cat", "dog"), 300, seed=4)
    kinds = sketches.SHORTCUT_BACKGROUNDS
    for share in (0.0, 0.4, 0.9, 1.0):
        shift = sketches.shortcut(share)
        after = [shift(r) for r in records]
        touched = [r.chance < share for r in records]
        assert abs(np.mean(touched) - share) < 0.07
        for r, a, t in zip(records, after, touched, strict=True):
            assert a.background == (kinds[r.species] if t else r.background)
    lying = sketches.shortcut(1.0, reverse=True)
    assert [lying(r).background for r in records[:2]] == [kinds["dog"], kinds["cat"]]
    own = sketches.shortcut(1.0, {"cat": "night"})
    assert own(records[0]).background == "night"
    assert own(records[1]) == records[1]
    with pytest.raises(ValueError, match="background='sea'"):
        sketches.shortcut(1.0, {"cat": "sea"})
    with pytest.raises(ValueError, match="species='cow2'"):
        sketches.shortcut(1.0, {"cow2": "night"})


# ---- sets ----


def test_make_set_is_balanced_seeded_and_grows_by_appending():
    small = sketches.make_set(("cat", "dog", "owl"), 3, seed=7, size=32)
    large = sketches.make_set(("cat", "dog", "owl"), 5, seed=7, size=32)
    assert small.images.shape == (9, 32, 32, 3)
    assert small.images.dtype == np.uint8
    assert small.labels.dtype == np.int64
    assert small.labels.tolist() == [0, 1, 2] * 3
    assert small.class_names == ("cat", "dog", "owl")
    assert len(small) == 9
    assert [r.species for r in small.factors[:3]] == ["cat", "dog", "owl"]
    assert np.array_equal(large.images[:9], small.images)
    assert not np.array_equal(sketches.make_set(("cat", "dog", "owl"), 3, seed=8, size=32).images, small.images)
    assert set(sketches.make_set("cat", 2, seed=7, size=32, background="room").factors[0].items()) >= {
        ("background", "room")
    }


def test_sets_with_and_without_a_shift_are_paired():
    plain = sketches.make_set(("cat", "dog"), 3, seed=1, size=48)
    shifted = sketches.make_set(("cat", "dog"), 3, seed=1, size=48, shift=sketches.dark(0.7))
    assert np.array_equal(plain.labels, shifted.labels)
    for before, after in zip(plain.factors, shifted.factors, strict=True):
        assert before.replace(light=after.light) == after
    assert shifted.images.mean() < plain.images.mean()


def test_masks_of_a_set():
    made = sketches.make_set(("cat", "dog"), 2, seed=3, size=48)
    heads = made.mask("head")
    assert heads.shape == (4, 48, 48)
    assert heads.dtype == bool
    assert np.array_equal(heads[1], sketches.render(made.factors[1], 48).masks["head"])
    with pytest.raises(ValueError, match="part='tail': give 'head', 'ears', "):
        made.mask("tail")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("cat", "cat"), 2, 0), "different species"),
        (((), 2, 0), "one or more"),
        ((("cat",), 0, 0), "n_per_class=0"),
        ((("cat",), 1.5, 0), "n_per_class=1.5"),
        ((("gryphon",), 1, 0), "gryphon"),
    ],
)
def test_bad_sets_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sketches.make_set(*arguments)
