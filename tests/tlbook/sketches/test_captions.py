"""Captions say what can be seen, all of it that they claim to, and nothing else."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tlbook import sketches
from tlbook.sketches import CAPTION_WORDS, FACTORS, SOURCE_SPECIES, SPECIES, Choice, caption
from tlbook.sketches.captions import _HUES, RANGES, WORDS, spoken

# Nothing hides, everything lies in the middle of its range: what a test changes is all that is spoken beside the middle.
PLAIN = {
    "angle": 0, "tilt": 0, "yaw": 0, "scale": 0.6, "x": 0.5, "y": 0.5, "ear_angle": 45, "ear_size": 0.6, "eye_slant": 0,
    "eye_size": 0.17, "head_aspect": 1.1, "cheek": 0, "pupil_width": 1, "muzzle_width": 0.4, "muzzle_length": 0.3,
    "nose_size": 0.14, "nose_kind": "oval", "tongue": 0, "whiskers": 0, "whisker_length": 0.7, "fur_light": 0, "fur_hue": 0,
    "pattern": "plain", "pattern_strength": 1, "marking": "none", "marking_strength": 1, "crown": "none", "collar": "none",
    "background": "room", "background_saturation": 0.6, "background_light": 0.6, "background_hue": 0.3, "light": 1,
    "contrast": 1, "gamma": 1, "blur": 0, "noise": 0, "occluder_size": 0, "iris": "blue", "nose_colour": "pink",
}  # fmt: skip


def plain(**changes):
    return sketches.sample("rabbit", np.random.default_rng(1), **{**PLAIN, **changes})


# What has to be there for a value to show.
SHOWN_WITH = {
    "occluder": {"occluder_size": 0.3, "occluder_x": 0.9, "occluder_y": -0.9},
    "whisker_length": {"whiskers": 1},
}


@pytest.mark.parametrize("name", WORDS)
def test_every_word_of_a_factor_is_spoken_and_its_change_changes_the_caption(name):
    factor = FACTORS[name]
    assert isinstance(factor, Choice) and set(WORDS[name]) <= set(factor.choices)
    texts = {}
    for value, phrase in WORDS[name].items():
        text = caption(plain(**SHOWN_WITH.get(name, {}), **{name: value}))
        for word in re.findall("[a-z]+", phrase):
            assert re.search(rf"\b{word}\b", text), (value, text)
        texts.setdefault(phrase, text)
    assert len(set(texts.values())) == len(texts)
    for value in set(factor.choices) - set(WORDS[name]):  # "none", "plain"
        assert caption(plain(**SHOWN_WITH.get(name, {}), **{name: value})) not in texts.values()


@pytest.mark.parametrize("name", RANGES)
def test_a_number_is_spoken_from_its_bound_on_and_not_before(name):
    low, high = RANGES[name]
    middle = caption(plain(**SHOWN_WITH.get(name, {})))
    for side, inwards in ((low, 1e-3), (high, -1e-3)):
        if side is None:
            continue
        bound, phrase = side
        text = caption(plain(**{**SHOWN_WITH.get(name, {}), name: bound}))
        assert phrase in text and text != middle
        assert caption(plain(**{**SHOWN_WITH.get(name, {}), name: bound + inwards})) == middle


def test_everything_that_differs_is_in_one_caption():
    text = caption(
        plain(
            scale=0.45, pattern="stripes", fur_colour="olive", ear_kind="folded", whiskers=1, whisker_length=1, yaw=-0.4,
            background="checks", background_hue=0.55, occluder="branch", occluder_size=0.3, occluder_x=0.9, occluder_y=0.9,
            occluder_hue=0, collar="scarf", collar_hue=0.0, tongue=1, nose_size=0.05,
        )
    )  # fmt: skip
    assert text == (
        "a small striped green rabbit with folded ears, blue eyes, a small pink nose, long whiskers, its tongue out "
        "and a red scarf, looking left, in front of a checked blue wall, behind a branch"
    )


def test_the_seeds_and_what_no_word_is_for_change_nothing():
    assert caption(plain(fur_seed=1, scene_seed=2, noise_seed=3, chance=0.1)) == caption(
        plain(fur_seed=4, scene_seed=5, noise_seed=6, chance=0.9, blush=1, smile=0.1, clutter=5)
    )


@pytest.mark.parametrize(
    ("part", "phrase", "at"),
    [("nose", "nose", (0.0, 0.45)), ("muzzle", "muzzle", (0.0, 0.45)), ("tongue", "tongue", (0.0, 0.45))],
)
def test_what_is_covered_is_not_spoken(part, phrase, at):
    record = plain(tongue=1, muzzle_length=0.5, muzzle_y=0.4, occluder="ball", occluder_x=at[0], occluder_y=at[1])
    assert phrase in caption(record)
    covered = caption(record.replace(occluder_size=0.5))
    assert phrase not in covered and "behind a ball" in covered
    # The picture agrees: the muzzle's mask is gone but for a rest.
    free, hidden = (sketches.render(one).masks["muzzle"].sum() for one in (record, record.replace(occluder_size=0.5)))
    assert hidden < 0.5 * free


def test_one_of_a_pair_is_enough():
    record = plain(occluder="ball", occluder_size=0.3, occluder_x=0.5, occluder_y=-0.2)
    assert "blue eyes" in caption(record)
    assert "eyes" not in caption(plain(occluder="ball", occluder_size=0.9, occluder_x=0, occluder_y=-0.2))


def test_a_branch_covers_a_beam_and_not_a_disc():
    lying = plain(occluder="branch", occluder_size=0.4, occluder_hue=0.0, occluder_x=0.9, occluder_y=-0.2)
    assert "eyes" not in caption(lying)  # both at its height, one far from its middle
    assert "eyes" in caption(lying.replace(occluder="ball"))


def test_ears_outside_the_picture_are_not_spoken():
    assert "round ears" in caption(plain(ear_kind="round"))
    assert "ears" not in caption(plain(ear_kind="round", y=0.1))


def test_in_the_dark_and_in_glaring_light_nothing_is_said_of_colours():
    colours = {name for _, name in _HUES} | {"grey", "brown", "black", "white", "cream"}
    record = plain(background="plain", collar="bow", ear_kind="round")
    assert colours & set(caption(record).split())
    for change, phrase in (({"light": 0.1}, "in the dark"), ({"light": 2}, "in glaring light"), ({"gamma": 4}, "dark")):
        text = caption(record.replace(**change))
        assert phrase in text and not colours & set(text.replace(",", "").split())
        assert "round ears" in text


@pytest.mark.parametrize("change", [{"scale": 0.2}, {"blur": 4}, {"noise": 0.4}])
def test_fine_parts_are_not_spoken_where_they_cannot_be_seen(change):
    text = caption(plain(whiskers=1, ear_kind="round", **change))
    assert not {"eyes", "nose", "whiskers"} & set(text.replace(",", "").split()) and "round ears" in text


def test_a_shifted_fur_is_not_called_by_its_old_name():
    assert "white" in caption(plain(fur_colour="white")) and "white" not in caption(
        plain(fur_colour="white", fur_light=-0.2)
    )


def test_upside_down_left_is_right():
    assert "looking left" in caption(plain(yaw=-0.5))
    assert "looking right" in caption(plain(yaw=-0.5, angle=180))
    assert "looking" not in caption(plain(yaw=-0.5, angle=90))


@pytest.fixture(scope="module")
def many():
    records = sketches.make_records(SPECIES, 12, 3)
    rng = np.random.default_rng(0)
    return records, [caption(record) for record in records] + [caption(record, rng) for record in records]


def test_grammar(many):
    for text in many[1]:
        for article, word in re.findall(r"\b(an?) ([a-z]+)", text):
            assert article == ("an" if word[0] in "aeiou" else "a"), text
        assert not re.search(r"  |,,|, and|, $|\{|\}| ,", text), text
        assert text[0] == "a" and text[-1] not in ",. "


def test_every_word_is_in_the_vocabulary_and_every_word_of_it_can_occur(many):
    said = {word for text in many[1] for word in re.findall("[a-z]+", text)}
    assert said <= set(CAPTION_WORDS)
    rest = set(CAPTION_WORDS) - said
    rare = [plain(light=0.1), plain(light=2), plain(background_hue=0.01, background="plain", occluder_size=0)]
    rare += [plain(**SHOWN_WITH["occluder"], occluder=kind) for kind in WORDS["occluder"]]
    rare += [plain(marking=kind) for kind in WORDS["marking"]] + [plain(ear_kind=kind) for kind in WORDS["ear_kind"]]
    rare += [plain(background="plain", background_hue=hue) for hue in np.linspace(0, 1, 30)]
    rare += [plain(**{name: value}) for name in ("crown", "collar", "nose_kind", "pattern") for value in WORDS[name]]
    rest -= {word for record in rare for word in re.findall("[a-z]+", caption(record))}
    assert rest == set()
    assert list(CAPTION_WORDS) == sorted(set(CAPTION_WORDS)) and len(CAPTION_WORDS) < 200


def test_deterministic_varied_and_never_more_than_can_be_said(many):
    record = many[0][5]
    assert caption(record) == caption(record)
    texts = {caption(record, np.random.default_rng(k)) for k in range(30)}
    assert len(texts) > 20
    assert caption(record, np.random.default_rng(4)) == caption(record, np.random.default_rng(4))
    otherwise = {"drawing", "picture", "of", "animal", "a", "an", "with", "and", "before", "facing", "little"}
    full = set(re.findall("[a-z]+", caption(record))) | otherwise
    assert all(set(re.findall("[a-z]+", text)) <= full for text in texts)
    assert {" animal" in text for text in texts} == {True, False}


def test_the_noun_can_be_hidden():
    record = sketches.make_records("cat", 1, 3)[0]
    assert "cat" in caption(record) and "cat" not in caption(record, noun="animal").split()
    for k in range(10):
        assert "cat" not in caption(record, np.random.default_rng(k), noun="animal").split()


def test_phrases_that_tell_cats_from_dogs_are_met_without_them():
    met = {p for record in sketches.make_records(SOURCE_SPECIES, 40, 5) for p in spoken(record).values()}
    assert {"pointed ears", "folded ears", "a short narrow muzzle", "a long broad muzzle", "a big black nose"} <= met
    assert "hanging ears" not in met
