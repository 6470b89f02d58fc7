"""Figures: what is in them, how they read, and that drawing leaves nothing behind."""

import io
import itertools
import math
from importlib import import_module
from types import SimpleNamespace

import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from tlbook import evaluation as ev
from tlbook import plotting
from tlbook.results import Spread

look = import_module("tlbook.plotting.style")  # the function style hides its module

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 2, 200)
LOGITS = np.stack([-(2 * LABELS - 1), 2 * LABELS - 1], axis=1) + RNG.normal(0, 1.5, (200, 2))
P = ev.probabilities(LOGITS)
IMAGES = RNG.integers(0, 256, (200, 12, 12, 3)).astype("uint8")
CURVES = {"scratch": {10: [0.5, 0.6, 0.55], 100: [0.7, 0.75, 0.8]}, "probe": {10: ev.wilson(80, 100), 100: 0.9}}

FIGURES = {
    "image_grid": lambda: plotting.image_grid(IMAGES[:7], LABELS[:7], class_names=("cat", "dog")),
    "error_gallery": lambda: plotting.error_gallery(IMAGES, LABELS, P, ("cat", "dog")),
    "learning_curve": lambda: plotting.learning_curve(CURVES),
    "accuracy_by_layer": lambda: plotting.accuracy_by_layer(
        {f"layer_with_a_long_name_{i}": ev.wilson(60 + 5 * i, 100) for i in range(5)}, chance=0.5
    ),
    "bands": lambda: plotting.bands(CURVES, xlabel="images", ylabel="accuracy (%)", log_x=True),
    "strategy_comparison": lambda: plotting.strategy_comparison(
        {"scratch": [0.5, 0.6, 0.7], "probe": ev.wilson(90, 100), "LP-FT": 0.95}, reference="probe"
    ),
    "cost_accuracy": lambda: plotting.cost_accuracy({"probe": (1.0, ev.wilson(90, 100)), "all": (100.0, 0.95)}),
    "confusion": lambda: plotting.confusion(ev.confusion_matrix(LABELS, ev.predictions(LOGITS)), ("cat", "dog")),
    "reliability_diagram": lambda: plotting.reliability_diagram(ev.reliability(LABELS, P)),
    "roc": lambda: plotting.roc({"a": ev.roc_curve(LABELS, P[:, 1]), "b": ev.roc_curve(LABELS, -P[:, 1])}),
    "precision_recall": lambda: plotting.precision_recall(ev.precision_recall_curve(LABELS, P[:, 1])),
    "training_curves": lambda: plotting.training_curves(
        {"loss": [0.6, 0.5], "val_loss": [0.7, 0.6], "accuracy": [0.6, 0.7], "val_accuracy": [0.5, 0.6]}
    ),
    "feature_map_2d": lambda: plotting.feature_map_2d(LOGITS, LABELS, ("cat", "dog"), marked=LABELS == 1),
}


def png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Image.open(buffer)


def texts(figure):
    """Every text that is really drawn: ticks beyond the axes' limits, or of axes switched off, are not."""
    figure.draw_without_rendering()
    unseen = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not axes.axison:
                unseen.update(axis.findobj(Text))
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in axis.get_major_ticks():
                if not low - slack <= tick.get_loc() <= high + slack:
                    unseen.update(tick.findobj(Text))
    return [one for one in figure.findobj(Text) if one.get_text() and one.get_visible() and one not in unseen]


def written(figure):
    return [one.get_text() for one in texts(figure)]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure(name):
    before, open_before = dict(mpl.rcParams), plt.get_fignums()
    figure = FIGURES[name]()
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == open_before
    assert figure.get_figwidth() <= 6
    # readable: no text below 9 points, none cut off by the figure's edge
    box = figure.bbox
    for one in texts(figure):
        assert one.get_fontsize() >= 9
        extent = one.get_window_extent()
        assert extent.x0 >= box.x0 - 1
        assert extent.x1 <= box.x1 + 1
        assert extent.y0 >= box.y0 - 1
        assert extent.y1 <= box.y1 + 1
    # opaque, light, and not empty
    picture = np.asarray(png(figure).convert("RGBA"))
    assert (picture[..., 3] == 255).all()
    assert (picture[0, 0, :3] == 255).all()
    assert (picture[..., :3].min(axis=2) < 128).any()
    # axes that are drawn are named
    for axes in figure.axes:
        if axes.axison and axes.get_label() != "<colorbar>":
            shared_below = axes.get_shared_x_axes().get_siblings(axes)
            assert any(one.get_xlabel() for one in shared_below) or name == "strategy_comparison"
            assert axes.get_ylabel() or name == "strategy_comparison"


def test_everything_public_is_tested_here_or_beside():
    ours = set(FIGURES)
    here = {
        name
        for name in plotting.__all__
        if getattr(getattr(plotting, name), "__module__", "")
        in {f"tlbook.plotting.{part}" for part in ("images", "comparisons", "curves")}
    }
    assert here == ours


def test_style_is_left_again_even_after_an_error():
    before = mpl.rcParams["axes.facecolor"], mpl.rcParams["font.size"]
    with pytest.raises(ZeroDivisionError), plotting.style():
        assert mpl.rcParams["font.size"] == 11
        1 / 0  # noqa: B018
    assert (mpl.rcParams["axes.facecolor"], mpl.rcParams["font.size"]) == before


def test_the_look_survives_another_global_style():
    figure = FIGURES["learning_curve"]()
    with mpl.rc_context({"xtick.labelsize": 3, "ytick.labelsize": 3, "font.size": 3}):
        assert min(one.get_fontsize() for one in texts(figure)) >= 9


def test_series_differ_by_more_than_colour():
    looks = look.looks(28)
    assert len({tuple(one.values()) for one in looks}) == 28
    for one, other in itertools.pairwise(looks):
        assert one["color"] != other["color"]
        assert one["marker"] != other["marker"]
        assert one["linestyle"] != other["linestyle"]


def test_palette_is_told_apart_with_common_colour_vision():
    # deuteranopia and protanopia after Viénot, Brettel and Mollon 1999, in linear RGB
    matrices = {
        "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
        "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    }
    colours = np.array([mpl.colors.to_rgb(value) for value in plotting.PALETTE.values()])
    for matrix in matrices.values():
        seen = np.clip((colours**2.2) @ np.array(matrix).T, 0, 1) ** (1 / 2.2)
        gaps = np.linalg.norm(seen[:, None] - seen[None], axis=2)
        assert gaps[~np.eye(len(seen), dtype=bool)].min() > 0.1


# what a result may be


def test_summaries():
    estimate = ev.wilson(9, 10)
    assert look.summary(estimate, "x") == look.Summary(0.9, estimate.low, estimate.high)
    spread = ev.seed_spread([0.1, 0.2, 0.6])
    assert look.summary(spread, "x") == look.Summary(spread.mean, spread.low, spread.high)
    assert look.summary(Spread(0.1, 0.3, 0.4, 5), "x") == look.Summary(0.3, 0.1, 0.4, is_range=True)
    assert look.summary([0.1, 0.5, 0.2], "x") == look.Summary(0.2, 0.1, 0.5, (0.1, 0.5, 0.2), is_range=True)
    for single in (0.5, np.float32(0.5), [0.5], np.array([0.5])):
        one = look.summary(single, "x")
        assert (one.centre, one.runs) == (0.5, ())
        assert math.isnan(one.low)
    for bad in ([], [[0.1, 0.2]]):
        with pytest.raises(ValueError, match="x: give a number, an Estimate"):
            look.summary(bad, "x")


@pytest.mark.parametrize(
    "function", [plotting.learning_curve, plotting.accuracy_by_layer, plotting.strategy_comparison]
)
def test_nothing_to_draw_is_refused(function):
    with pytest.raises(ValueError, match=function.__name__):
        function({})


# comparisons


def test_learning_curve_draws_what_it_is_given():
    (axes,) = plotting.learning_curve(CURVES).axes
    scratch, probe = axes.get_lines()
    np.testing.assert_array_equal(scratch.get_xdata(), [10, 100])
    np.testing.assert_allclose(scratch.get_ydata(), [0.55, 0.75])
    np.testing.assert_allclose(probe.get_ydata(), [0.8, 0.9])
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (0.5, 0.8)
    assert [one.get_text() for one in axes.get_legend().get_texts()] == ["scratch", "probe"]
    assert axes.get_xscale() == "log"


def test_learning_curve_ticks_do_not_touch():
    sizes = (10, 20, 30, 50, 100, 180, 200, 320, 390, 400)
    figure = plotting.learning_curve({"a": {n: n / 1000 for n in sizes}})
    drawn = set(texts(figure))
    labels = sorted(
        (one for one in figure.axes[0].get_xticklabels() if one in drawn), key=lambda one: one.get_position()[0]
    )
    shown = [one.get_text() for one in labels]
    assert {"10", "100", "400"} <= set(shown) <= {str(n) for n in sizes}
    ends = [one.get_window_extent() for one in labels]
    for left, right in itertools.pairwise(ends):
        assert left.x1 < right.x0
    assert figure.axes[0].get_legend() is None
    assert plotting.learning_curve({"a": {0: 0.5, 10: 0.6}}, log=False).axes[0].get_xscale() == "linear"
    with pytest.raises(ValueError, match="above 0"):
        plotting.learning_curve({"a": {0: 0.5, 10: 0.6}})


def test_accuracy_by_layer():
    one = plotting.accuracy_by_layer({"a": 0.5, "b": 0.7})
    assert [t.get_text() for t in one.axes[0].get_xticklabels()] == ["a", "b"]
    assert one.axes[0].get_legend() is None
    two = plotting.accuracy_by_layer({"pretrained": {"a": 0.5, "b": 0.7}, "random": {"a": 0.5, "b": 0.5}})
    assert [t.get_text() for t in two.axes[0].get_legend().get_texts()] == ["pretrained", "random"]
    with pytest.raises(ValueError, match="other layers"):
        plotting.accuracy_by_layer({"x": {"a": 0.5}, "y": {"b": 0.5}})


def test_strategy_comparison():
    figure = FIGURES["strategy_comparison"]()
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["scratch", "probe", "LP-FT"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first on top
    runs = [line for line in axes.get_lines() if line.get_marker() == "." and len(line.get_xdata())]
    np.testing.assert_array_equal(runs[0].get_xdata(), [0.5, 0.6, 0.7])
    # A range over runs is a broad bar, an interval over images a thin line with caps: never drawn alike.
    bars = [[tuple(segment[:, 0]) for segment in bar.get_segments()] for bar in axes.collections if bar.get_alpha()]
    assert bars == [[(0.5, 0.7)]]
    caps = [float(x) for line in axes.get_lines() if line.get_marker() == "|" for x in line.get_xdata()]
    interval = ev.wilson(90, 100)
    np.testing.assert_allclose([x for x in caps if not math.isnan(x)], [interval.low, interval.high])
    with pytest.raises(ValueError, match="reference='x': give "):
        plotting.strategy_comparison({"a": 0.5}, reference="x")


def test_cost_accuracy():
    figure = FIGURES["cost_accuracy"]()
    assert {"probe", "all", "training time (s)"} <= set(written(figure))
    assert plotting.cost_accuracy({"a": (0, 0.5)}, log=False).axes[0].get_xscale() == "linear"
    with pytest.raises(ValueError, match="above 0"):
        plotting.cost_accuracy({"a": (0, 0.5)})


def test_labels_of_costs_do_not_cover_each_other_and_less_than_a_decade_has_plain_ticks():
    close = {"the first of two": (10, 0.950), "the second of two": (12, 0.952), "far away": (90, 0.9)}
    figure = plotting.cost_accuracy(close)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not boxes[0].overlaps(boxes[1])
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels(minor=True)]
    assert any(ticks)
    assert not any("times" in tick for tick in ticks)


def test_percent_axis_shows_a_decimal_only_where_needed():
    wide = plotting.strategy_comparison({"a": 0.5, "b": 0.9})
    assert "50" in written(wide)
    narrow = plotting.strategy_comparison({"a": 0.981, "b": 0.984})
    assert any("." in text for text in written(narrow) if text.startswith("98"))


def test_bands_draw_medians_and_ranges_in_order():
    figure = plotting.bands(
        {"F1": {0.5: [0.9, 0.92, 0.94], 0.1: [0.5, 0.6, 0.9]}, "recall": {0.1: 0.8, 0.5: 0.8}},
        xlabel="share",
        ylabel="score (%)",
        marks={"half": 0.5},
        log_x=True,
        share_x=True,
    )
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0.1, 0.6], [0.5, 0.92]])
    vertices = axes.collections[0].get_paths()[0].vertices
    assert vertices[:, 1].min() == 0.5 and vertices[:, 1].max() == 0.94
    assert len(axes.collections) == 1  # single numbers have no band
    assert axes.get_legend_handles_labels()[1] == ["F1", "recall", "half"]
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_major_formatter()(0.1, 0) == "10"


def test_bands_of_many_points_have_no_markers_and_plain_axes():
    figure = plotting.bands({"cost": {x: x**2 for x in np.linspace(0, 1, 30)}}, xlabel="x", ylabel="y", percent=False)
    assert figure.axes[0].lines[0].get_marker() == ""
    assert figure.axes[0].get_xscale() == "linear"
    with pytest.raises(ValueError, match="at least one line"):
        plotting.bands({}, xlabel="x", ylabel="y")


# one model


def test_confusion():
    figure = plotting.confusion([[90, 10], [0, 0]], ("cat", "dog"))
    shown = written(figure)
    assert {"90\n90 %", "10\n10 %", "0"} <= set(shown)
    by_text = {one.get_text(): one.get_color() for one in figure.axes[0].texts}
    assert by_text["90\n90 %"] == "white"
    assert by_text["10\n10 %"] != "white"
    large = plotting.confusion(np.eye(14, dtype=int), [f"species {i}" for i in range(14)])
    assert len(large.axes) == 2  # a colour bar in place of numbers that could not be read
    assert not large.axes[0].texts
    middle = plotting.confusion(np.eye(8, dtype=int), list("abcdefgh"))
    assert {one.get_text() for one in middle.axes[0].texts} == {"0", "1"}
    with pytest.raises(ValueError, match="3 class names"):
        plotting.confusion(np.eye(2), ("a", "b", "c"))


def test_reliability_diagram():
    found = ev.reliability(LABELS, P)
    figure = plotting.reliability_diagram(found)
    assert f"ECE {100 * found.ece:.1f} %" in written(figure)
    two = plotting.reliability_diagram({"before": found, "after": found})
    assert f"before, ECE {100 * found.ece:.1f} %" in written(two)
    assert len(two.axes) == 2
    assert "images" in written(two)


def test_curves_are_named_with_their_areas():
    assert {"a, area 1.000", "b, area 0.000"} <= set(
        written(plotting.roc({"a": ev.roc_curve([0, 1], [0, 1]), "b": ev.roc_curve([0, 1], [1, 0])}))
    )
    assert "area 0.500" in written(plotting.precision_recall(ev.precision_recall_curve([0, 1], [1, 0])))


@pytest.mark.parametrize("shares", [(0.5,), (0.5, 0.05), (0.05,), (0.1, 0.5), (0.9,)])
def test_the_legend_of_precision_and_recall_crosses_no_dotted_line(shares):
    curves = {}
    for share in shares:
        labels = np.arange(100) < 100 * share
        curves[f"one in {1 / share:.0f}"] = ev.precision_recall_curve(labels.astype(int), np.linspace(1, 0, 100))
    figure = plotting.precision_recall(curves)
    figure.draw_without_rendering()
    box = figure.axes[0].get_legend().get_window_extent()
    dotted = [line.get_window_extent() for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert len(dotted) == len(shares)
    assert not any(box.overlaps(one) for one in dotted)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (plotting.roc, "Roc"),
        (plotting.precision_recall, "PrecisionRecall"),
        (plotting.reliability_diagram, "Reliability"),
    ],
)
def test_other_things_are_refused(function, kind):
    for bad in (3, {}, {"a": 3}):
        with pytest.raises(ValueError, match=kind):
            function(bad)


def test_training_curves_of_the_packages_own_history():
    from tlbook.transfer import History

    history = History()
    for epoch in range(3):
        history.record(
            train_loss=1 / (epoch + 1),
            validation_loss=[0.9, 0.5, 0.7][epoch],
            train_accuracy=0.5,
            validation_accuracy=0.6,
        )
    figure = plotting.training_curves(history)
    assert {"training", "validation", "best epoch", "epoch", "loss (nats)", "accuracy (%)"} <= set(written(figure))
    training, validation, best = figure.axes[0].get_lines()
    np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(validation.get_ydata(), [0.9, 0.5, 0.7])
    assert best.get_xdata()[0] == 2  # the second epoch, counted from 1
    assert plotting.training_curves(history, best_epoch=0).axes[0].get_lines()[2].get_xdata()[0] == 1


def test_training_curves_of_keras():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(LOGITS, LABELS, epochs=2, verbose=0)
    (axes,) = plotting.training_curves(history).axes
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), history.history["loss"])
    for nothing in ({}, {"lr": [1]}, SimpleNamespace(), 3):
        with pytest.raises(ValueError, match="neither loss nor accuracy"):
            plotting.training_curves(nothing)


def test_feature_map_2d():
    figure = FIGURES["feature_map_2d"]()
    assert {"cat", "dog", "marked", "component 1"} <= set(written(figure))
    assert [len(one.get_offsets()) for one in figure.axes[0].collections] == [
        (LABELS == 0).sum(),
        (LABELS == 1).sum(),
        (LABELS == 1).sum(),
    ]
    with pytest.raises(ValueError, match="PCA"):
        plotting.feature_map_2d(np.zeros((200, 3)), LABELS, ("cat", "dog"))
    with pytest.raises(ValueError, match="label 1 has no name"):
        plotting.feature_map_2d(LOGITS, LABELS, ("cat",))
    with pytest.raises(ValueError, match="marked"):
        plotting.feature_map_2d(LOGITS, LABELS, ("cat", "dog"), marked=[True])


# images


def test_image_grid_shows_the_pixels():
    figure = plotting.image_grid(IMAGES[:5], LABELS[:5], class_names=("cat", "dog"), columns=3)
    assert len(figure.axes) == 6
    for image, axes in zip(IMAGES, figure.axes[:5], strict=False):
        np.testing.assert_array_equal(axes.images[0].get_array(), image)
    assert not figure.axes[5].images
    assert [axes.get_title() for axes in figure.axes[:5]] == [("cat", "dog")[i] for i in LABELS[:5]]


def test_floats_mean_the_same_as_bytes():
    image = IMAGES[0]
    for variant in (image.astype("float32"), image / 255.0):
        shown = plotting.image_grid([variant]).axes[0].images[0].get_array()
        np.testing.assert_allclose(shown, image / 255.0, rtol=1e-5)
    assert plotting.image_grid([image[..., :1]]).axes[0].images[0].get_array().shape == (12, 12)


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (3, 3), (6, 6), (8, 4), (12, 6), (16, 8), (24, 8), (7, 7), (10, 5)])
def test_grids_are_full_where_possible(n, columns):
    figure = plotting.image_grid(IMAGES[:n])
    assert figure.axes[0].get_gridspec().ncols == columns


def test_image_grid_marks_mistakes():
    figure = plotting.image_grid(IMAGES[:2], [0, 1], class_names=("cat", "dog"), predictions=[0, 0])
    assert [axes.get_title(loc="center") for axes in figure.axes] == ["cat", "dog\n× cat"]
    assert figure.axes[1].title.get_color() == plotting.PALETTE["vermilion"]
    named = plotting.image_grid(IMAGES[:2], ["a", "b"], predictions=["a", "c"])
    assert named.axes[1].get_title(loc="center") == "b\n× c"
    assert plotting.image_grid(IMAGES[:1], [3]).axes[0].get_title(loc="center") == "3"


@pytest.mark.parametrize(
    ("images", "kwargs", "message"),
    [
        ([], {}, "no images"),
        (np.zeros((2, 4)), {}, "image 0 has shape"),
        (np.zeros((1, 4, 4, 2)), {}, "image 0"),
        (IMAGES[:2], {"labels": [0]}, "2 images, but 1 labels"),
        (IMAGES[:2], {"labels": [0, 1], "predictions": [0]}, "2 images, but 1 predictions"),
        (IMAGES[:2], {"columns": 0}, "columns"),
    ],
)
def test_image_grid_refuses(images, kwargs, message):
    with pytest.raises(ValueError, match=message):
        plotting.image_grid(images, **kwargs)


def test_error_gallery_shows_the_most_confident_mistakes_first():
    labels = np.array([0, 0, 1, 1, 0])
    p1 = np.array([0.6, 0.99, 0.9, 0.2, 0.1])  # wrong: images 0, 1 and 3
    p = np.stack([1 - p1, p1], axis=1)
    figure = plotting.error_gallery(IMAGES[:5], labels, p, ("cat", "dog"))
    assert [axes.get_title(loc="center") for axes in figure.axes] == [
        "dog 99 %\nis cat",
        "cat 80 %\nis dog",
        "dog 60 %\nis cat",
    ]
    for axes, index in zip(figure.axes, (1, 3, 0), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), IMAGES[index])
    assert len(plotting.error_gallery(IMAGES[:5], labels, p, ("cat", "dog"), n=2).axes) == 2
    none = plotting.error_gallery(IMAGES[:2], [1, 1], [[0.1, 0.9]] * 2, ("cat", "dog"))
    assert written(none) == ["no mistakes on 2 images"]
    with pytest.raises(ValueError, match="5 labels, but 4 images"):
        plotting.error_gallery(IMAGES[:4], labels, p, ("cat", "dog"))
    with pytest.raises(ValueError, match="2 classes, but 1 class names"):
        plotting.error_gallery(IMAGES[:5], labels, p, ("cat",))
