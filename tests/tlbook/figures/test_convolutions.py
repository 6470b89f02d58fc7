"""The figures of the chapter on convolutions show the numbers they were given."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import tlbook._quiet  # noqa: F401  (before Keras)
from tlbook.backbones.architectures import small_cnn
from tlbook.convolution import Cost, Field, convolve, costs
from tlbook.figures import convolutions as figures

import keras  # isort: skip

RNG = np.random.default_rng(0)
IMAGE = RNG.random((6, 6))
KERNEL = np.array([[1, 1, 1], [0, 0, 0], [-1, -1, -1]])


def texts(axes):
    return [text.get_text() for text in axes.texts]


def rendered(figure):
    """Draw it: mistakes of layout show only then."""
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    return figure.axes


def test_number_grid_writes_every_number():
    axes = rendered(figures.number_grid({"a": IMAGE[:2, :3], "b": [[-1, 0], [0.004, -0.004]]}, joined_by="="))
    assert texts(axes[0]) == [f"{value:.2f}" for value in IMAGE[:2, :3].ravel()]
    assert texts(axes[1]) == ["−1.00", "0.00", "0.00", "0.00", "="]
    assert axes[0].images[0].get_clim() == (0, 1)
    assert axes[1].images[0].get_clim() == (-1, 1)
    assert [one.get_title() for one in axes] == ["a", "b"]
    assert rendered(figures.number_grid({"counts": np.array([[0, 7]])}, decimals=0))[0].images[0].get_clim() == (0, 7)
    rendered(figures.number_grid({"nothing": np.zeros((2, 2))}))


def test_magnified_shows_the_window():
    whole, part = rendered(figures.magnified(IMAGE, 1, 2, 3))
    np.testing.assert_array_equal(part.images[0].get_array(), IMAGE[1:4, 2:5])
    assert texts(part) == [f"{value:.2f}" for value in IMAGE[1:4, 2:5].ravel()]
    assert whole.patches[-1].get_bbox().bounds == (1.5, 0.5, 3, 3)


def test_kernel_step_shows_one_step():
    image, kernel, products, result = rendered(figures.kernel_step(IMAGE, KERNEL, 2, 1))
    np.testing.assert_allclose(result.images[0].get_array(), convolve(IMAGE, KERNEL))
    np.testing.assert_allclose(products.images[0].get_array(), IMAGE[2:5, 1:4] * KERNEL)
    assert products.get_xlabel() == f"sum {convolve(IMAGE, KERNEL)[2, 1]:.2f}".replace("-", "−")
    assert image.patches[0].get_bbox().bounds == (0.5, 1.5, 3, 3)
    assert result.patches[0].get_bbox().bounds == (0.5, 1.5, 1, 1)
    assert texts(kernel) == ["1", "1", "1", "0", "0", "0", "−1", "−1", "−1"]


def test_filters_keep_their_colours():
    kernels = np.zeros((3, 3, 3, 17))
    kernels[0, 0, 0, 1] = -2
    axes = rendered(figures.filter_grid({"a": kernels, "b": kernels[..., :2]}))
    assert len(axes) == 32 + 16
    assert sum(len(one.images) for one in axes) == 17 + 2
    shown = axes[1].images[0].get_array()
    assert shown[0, 0].tolist() == [0, 0.5, 0.5]
    assert np.all(axes[0].images[0].get_array() == 0.5)


def test_a_few_filters_fill_the_width():
    axes = rendered(figures.filter_grid({"a": np.ones((3, 3, 3, 8)), "b": np.ones((3, 3, 3, 8))}))
    assert len(axes) == 16


def test_response_maps_share_one_scale_around_zero():
    picture, first, second = rendered(figures.response_maps(IMAGE, {"a": [[-2, 1]], "b": [[0.5, 0]]}))
    assert [one.get_title() for one in (picture, first, second)] == ["picture", "a", "b"]
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-2, 2)


def test_a_kernel_on_its_way_shows_only_what_is_computed():
    axes = rendered(figures.kernel_path(IMAGE, KERNEL, [(0, 0), (1, 2)]))
    result = convolve(IMAGE, KERNEL).ravel()
    for place, shown in zip(axes[2:], (1, 7), strict=True):
        written = [text.get_text() for text in place.texts if text.get_visible()]
        assert [float(text.replace("−", "-")) for text in written] == pytest.approx(result[:shown], abs=0.051)
    assert axes[1].patches[0].get_bbox().bounds == (1.5, 0.5, 3, 3)


def test_receptive_fields_are_drawn_where_they_lie():
    fields = {"a": Field(size=3, jump=1, start=-1, units=12), "b": Field(size=30, jump=4, start=-12, units=3)}
    left, right = rendered(figures.receptive_field_map(np.zeros((12, 12, 3)), fields))
    assert left.patches[-1].get_bbox().bounds == (-8, -8, 30, 30)
    assert left.patches[0].get_bbox().bounds == (5, 5, 3, 3)
    assert left.get_xlim() == (0, 12)
    assert [bar.get_width() for bar in right.patches] == [3, 30]


def test_shift_curves_show_the_values():
    (axes,) = rendered(figures.shift_curves([0, 1, 2], {"a": [0, 0.5, 1], "b": [0, 0.1, 0.2]}, ylabel="change"))
    assert [line.get_ydata()[-1] for line in axes.lines] == [1, 0.2]
    assert len({(line.get_color(), line.get_marker()) for line in axes.lines}) == 2


def test_architecture_names_every_size():
    model = small_cnn(2, input_size=64)
    (axes,) = rendered(figures.architecture(model, ("cat", "dog")))
    shown = texts(axes)
    assert shown[:3] == ["64×64\n×3", "64×64\n×16", "32×32\n×16"]
    assert shown[8:13] == ["4×4\n×96", "96", "2", "cat", "dog"]
    blue = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_facecolor()[:2] == (86 / 255, 180 / 255)]
    assert len(blue) == sum(1 + round(np.log2(n)) for n in (16, 32, 64, 96)) + 1  # and one in the legend


def test_cost_bars_show_the_costs():
    rows = costs(small_cnn(2))
    left, right = rendered(figures.cost_bars(rows))
    expected = [row for row in rows if row.multiplications]
    assert [bar.get_width() for bar in left.patches] == [row.parameters for row in expected]
    assert [bar.get_width() for bar in right.patches] == [row.multiplications for row in expected]
    assert [label.get_text() for label in left.get_yticklabels()] == [row.layer for row in expected]


def test_logits_to_loss_is_softmax_and_cross_entropy():
    left, right = rendered(figures.logits_to_loss(("cat", "dog")))
    for line, sign in zip(left.lines, (1, -1), strict=True):
        difference, probability = line.get_data()
        logits = np.stack([np.zeros_like(difference), sign * difference], axis=1)
        expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))[:, 1]
        np.testing.assert_allclose(probability, expected, atol=1e-6)
    probability, loss = right.lines[0].get_data()
    np.testing.assert_allclose(np.exp(-loss), probability)
    assert left.get_xlabel() == "logit of dog − logit of cat"
    assert [line.get_label() for line in left.lines] == ["dog", "cat"]


def test_there_and_back_draws_what_flows():
    (axes,) = rendered(figures.there_and_back(["filter", "head", "loss"], ["0.2", "0.3", "0.7"], ["0.1", "-1", ""]))
    arrows = [patch for patch in axes.patches if not isinstance(patch, Rectangle)]
    assert len(arrows) == 4
    assert {"filter", "0.2", "0.1", "head", "−1", "loss"} <= set(texts(axes))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.number_grid({}), "no array to draw"),
        (lambda: figures.number_grid({"big": np.zeros((13, 2))}), "'big' has shape"),
        (lambda: figures.number_grid({"a": IMAGE, "b": IMAGE}, joined_by="=="), "have 1 gaps, but 2 signs"),
        (lambda: figures.magnified(np.zeros((4, 4, 3)), 0, 0, 2), "must have shape"),
        (lambda: figures.magnified(IMAGE, 4, 4, 3), "does not lie in"),
        (lambda: figures.kernel_step(np.zeros((20, 20)), KERNEL, 0, 0), "at most 12 × 12"),
        (lambda: figures.kernel_step(IMAGE, KERNEL, 4, 0), r"no place \(4, 0\)"),
        (lambda: figures.filter_grid({}), "no filters to draw"),
        (lambda: figures.filter_grid({"grey": np.zeros((3, 3, 1, 4))}), "filters of 'grey' must have shape"),
        (lambda: figures.response_maps(IMAGE, {}), "at least one feature map"),
        (lambda: figures.response_maps(IMAGE, {"a": np.zeros((2, 2, 1))}), "at least one feature map"),
        (lambda: figures.kernel_path(IMAGE, KERNEL, [(4, 0)]), r"shape \(4, 4\)"),
        (lambda: figures.kernel_path(IMAGE, KERNEL, []), "at least one"),
        (lambda: figures.receptive_field_map(np.zeros((8, 8, 3)), {}), "give 1 to 7 fields"),
        (lambda: figures.shift_curves([0, 1], {}, ylabel=""), "give 1 to 7 curves"),
        (lambda: figures.shift_curves([0, 1], {"a": [1]}, ylabel=""), "'a' has 1 values for 2 shifts"),
        (lambda: figures.cost_bars([Cost("norm", "BatchNormalization", (2,), 4, 0)]), "no convolution"),
        (lambda: figures.logits_to_loss(("a", "b", "c")), "two classes; 3 were given"),
        (lambda: figures.there_and_back([], [], []), "no step"),
        (lambda: figures.architecture(small_cnn(2, input_size=32), ("cat",)), "1 names were given for 2 outputs"),
        (
            lambda: figures.architecture(
                keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(1, 3)]), ()
            ),
            "no fixed size",
        ),
    ],
)
def test_what_is_refused_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pyplot_holds_no_figure():
    """A figure that pyplot still held would be shown twice in a notebook."""
    import matplotlib.pyplot as plt

    before = plt.get_fignums()  # other tests of the same process may hold some
    figures.number_grid({"a": IMAGE})
    figures.there_and_back(["a"], ["1"], [""])
    assert plt.get_fignums() == before
