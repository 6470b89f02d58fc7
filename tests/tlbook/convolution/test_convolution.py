"""tlbook.convolution against Keras, against worked values, and against what a network's output depends on."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tlbook._quiet  # noqa: F401  (before Keras)
from tlbook import convolution

import keras  # isort: skip

WORKED_IMAGE = np.arange(16).reshape(4, 4)


def test_worked_values():
    ones = np.ones((3, 3))
    assert convolution.convolve(WORKED_IMAGE, ones).tolist() == [[45, 54], [81, 90]]
    assert convolution.convolve(WORKED_IMAGE, ones, bias=-45).tolist() == [[0, 9], [36, 45]]
    assert convolution.convolve(WORKED_IMAGE, [[0, 1], [0, 0]], stride=2).tolist() == [[1, 3], [9, 11]]
    assert convolution.pool(WORKED_IMAGE).tolist() == [[5, 7], [13, 15]]
    assert convolution.pool(WORKED_IMAGE, how="average").tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert convolution.pool(WORKED_IMAGE, 2, stride=1).tolist() == [[5, 6, 7], [9, 10, 11], [13, 14, 15]]


def test_the_kernel_is_not_mirrored():
    picture = np.zeros((5, 5))
    picture[2, 2] = 1
    kernel = np.arange(9).reshape(3, 3)
    assert np.array_equal(convolution.convolve(picture, kernel), kernel[::-1, ::-1])


@given(
    height=st.integers(1, 12), width=st.integers(1, 12), rows=st.integers(1, 5), columns=st.integers(1, 5),
    channels=st.integers(1, 3), filters=st.integers(1, 3), stride=st.integers(1, 4),
    padding=st.sampled_from(["valid", "same"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_convolution_is_what_keras_computes(height, width, rows, columns, channels, filters, stride, padding, seed):
    assume(padding == "same" or (rows <= height and columns <= width))
    rng = np.random.default_rng(seed)
    image, kernel = rng.random((height, width, channels)), rng.normal(size=(rows, columns, channels, filters))
    bias = rng.normal(size=filters)
    ours = convolution.convolve(image, kernel, bias, stride=stride, padding=padding)
    theirs = keras.ops.conv(image[None].astype("float32"), kernel.astype("float32"), strides=stride, padding=padding)
    theirs = keras.ops.convert_to_numpy(theirs)[0] + bias
    assert ours.shape == theirs.shape
    assert ours.shape[0] == convolution.output_size(height, rows, stride, padding)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    one = convolution.convolve(image, kernel[..., 0], bias[0], stride=stride, padding=padding)
    np.testing.assert_allclose(one, ours[..., 0])


@given(
    size=st.integers(1, 4), stride=st.integers(1, 4), how=st.sampled_from(["max", "average"]), seed=st.integers(0, 99)
)
def test_pooling_is_what_keras_computes(size, stride, how, seed):
    image = np.random.default_rng(seed).random((2, 7, 9, 3)).astype("float32")
    layer = keras.ops.max_pool if how == "max" else keras.ops.average_pool
    theirs = keras.ops.convert_to_numpy(layer(image, size, strides=stride, padding="valid"))
    np.testing.assert_allclose(convolution.pool(image, size, how, stride=stride), theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convolution.convolve(np.zeros((4, 4, 3)), np.zeros((3, 3))), "3 channels, the kernel 1"),
        (lambda: convolution.convolve(np.zeros(4), np.zeros((3, 3))), "2 or 3 axes"),
        (lambda: convolution.convolve(np.zeros((4, 4)), np.zeros(3)), "2, 3 or 4 axes"),
        (lambda: convolution.convolve(np.zeros((4, 4)), np.zeros((5, 5))), "does not fit into 4"),
        (
            lambda: convolution.convolve(np.zeros((4, 4)), np.zeros((3, 3)), padding="full"),
            "padding='full': give 'valid' or 'same'",
        ),
        (
            lambda: convolution.convolve(np.zeros((4, 4)), np.zeros((3, 3)), stride=0),
            "stride=0: give a whole number, 1 or more",
        ),
        (lambda: convolution.output_size(4, 2.5), "kernel=2.5: give a whole number"),
        (lambda: convolution.pool(np.zeros((4, 4)), 5), "does not fit into 4"),
        (lambda: convolution.pool(np.zeros((4, 4)), how="min"), "how='min': give 'max' or 'average'"),
        (lambda: convolution.pool(np.zeros(4)), "at least 2 axes"),
        (lambda: convolution.liveliest_window(np.zeros((4, 4, 3)), 3), "2 axes"),
        (lambda: convolution.liveliest_window(np.zeros((4, 9)), 5), "does not fit into 4"),
        (lambda: convolution.liveliest_window(np.zeros((4, 9)), 2), "size=2: give a whole number, 3 or more"),
    ],
)
def test_what_is_refused_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_liveliest_window_holds_a_spot_and_not_an_edge():
    picture = np.full((14, 16), 0.2)
    picture[:, :3] = 1  # a long straight edge: brightness falls across and never rises
    picture[7:9, 9:11] = 0.6  # a spot: it rises and falls, down and across
    row, column = convolution.liveliest_window(picture, 6)
    assert row <= 7 <= 9 <= row + 6
    assert column <= 9 <= 11 <= column + 6
    down = convolution.convolve(picture[row : row + 6, column : column + 6], [[1], [0], [-1]])
    assert down.min() < 0 < down.max()
    assert convolution.liveliest_window(np.zeros((5, 5)), 3) == (0, 0)


def network(padding, size=48):
    """Every kind of window, its weights positive so that nothing cancels."""
    inputs = keras.Input((size, size, 1))
    x = keras.layers.Conv2D(2, 3, padding=padding, name="first")(inputs)
    x = keras.layers.ReLU()(x)
    x = keras.layers.ZeroPadding2D(((1, 0), (1, 0)))(x)
    x = keras.layers.AveragePooling2D(2, padding=padding, name="pooled")(x)
    x = keras.layers.SeparableConv2D(2, 3, strides=2, padding=padding, name="strided")(x)
    x = keras.layers.Conv2D(2, 3, dilation_rate=2, padding=padding, name="dilated")(x)
    branch = keras.layers.DepthwiseConv2D(3, padding="same", name="branch")(x)
    x = keras.layers.Add(name="sum")([x, branch])
    pooled = keras.layers.GlobalAveragePooling2D(keepdims=True, name="global")(x)
    x = keras.layers.Multiply(name="product")([x, pooled])
    x = keras.layers.Conv2D(1, 3, padding="same", name="after")(x)
    x = keras.layers.Add(name="last sum")([x, branch])
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(keras.layers.Flatten(name="flat")(x)))
    for weight in model.weights:
        weight.assign(np.random.default_rng(0).uniform(0.5, 1, weight.shape))
    return model


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    "layer", ["first", "pooled", "strided", "dilated", "branch", "sum", "global", "product", "last sum", "head"]
)
def test_a_unit_sees_its_receptive_field_and_nothing_else(padding, layer):
    import tensorflow as tf

    model = network(padding)
    field = convolution.receptive_fields(model)[layer]
    output = model.get_layer(layer).output
    assert field.units == (output.shape[1] if len(output.shape) == 4 else 1)
    part = keras.Model(model.inputs, output)
    image = tf.Variable(np.random.default_rng(1).uniform(0.5, 1, (1, 48, 48, 1)).astype("float32"))
    exact = 0
    for unit in {0, field.units // 2, field.units - 1}:
        with tf.GradientTape() as tape:
            values = part(image)
            seen = tf.reduce_sum(values[:, unit, unit] if len(values.shape) == 4 else values)
        rows = np.flatnonzero(np.abs(tape.gradient(seen, image).numpy()[0, ..., 0]).sum(axis=1))
        first, end = field.of_unit(unit)
        assert first <= rows[0]
        assert rows[-1] < end
        inside = first >= 0 and end <= 48
        # Without padding at first, zeros inside the network can stand for pixels that were there: then it sees less.
        if inside or padding == "same":
            assert (max(first, 0), min(end, 48)) == (rows[0], rows[-1] + 1)
        exact += inside
    assert exact or field.size >= 48


def test_receptive_field_by_hand():
    model = keras.Sequential([
        keras.Input((32, 32, 3)), keras.layers.Conv2D(4, 3, padding="same", name="a"), keras.layers.MaxPooling2D(2, name="b"),
        keras.layers.Conv2D(4, 3, padding="same", name="c"), keras.layers.GlobalAveragePooling2D(name="d"),
    ])  # fmt: skip
    fields = convolution.receptive_fields(model)
    assert [fields[name].size for name in "abc"] == [3, 4, 8]
    assert [fields[name].jump for name in "abc"] == [1, 2, 2]
    assert fields["c"].of_unit(0) == (-3, 5)
    assert fields["d"].of_unit(0) == (-3, 35)
    with pytest.raises(ValueError, match="16 units a side"):
        fields["c"].of_unit(16)


def test_what_cannot_be_followed_is_refused():
    oblong = keras.Sequential([keras.Input((8, 9, 1)), keras.layers.Conv2D(1, 3)])
    with pytest.raises(ValueError, match="fixed size"):
        convolution.receptive_fields(oblong)
    uneven = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, (3, 1), name="uneven")])
    with pytest.raises(ValueError, match="layer uneven treats rows and columns differently"):
        convolution.receptive_fields(uneven)
    unknown = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.UpSampling2D(name="up")])
    with pytest.raises(ValueError, match="layer up is a UpSampling2D"):
        convolution.receptive_fields(unknown)


def test_costs_by_hand():
    model = keras.Sequential([
        keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, padding="same", name="plain"),
        keras.layers.BatchNormalization(name="norm"), keras.layers.DepthwiseConv2D(3, strides=2, padding="same", name="deep"),
        keras.layers.SeparableConv2D(6, 3, padding="same", name="two steps"), keras.layers.Conv2D(6, 1, groups=2, name="grouped"),
        keras.layers.GlobalAveragePooling2D(name="mean"), keras.layers.Dense(2, name="head"),
    ])  # fmt: skip
    rows = {row.layer: row for row in convolution.costs(model)}
    assert rows["plain"].shape == (8, 8, 4)
    assert rows["plain"].parameters == 4 * 3 * 3 * 3 + 4
    assert rows["plain"].multiplications == 8 * 8 * 4 * 27
    assert rows["norm"].multiplications == rows["mean"].multiplications == 0
    assert rows["deep"].multiplications == 4 * 4 * 4 * 9
    assert rows["two steps"].multiplications == 4 * 4 * (4 * 9 + 4 * 6)
    assert rows["grouped"].multiplications == 4 * 4 * 6 * 3
    assert (rows["head"].parameters, rows["head"].multiplications) == (6 * 2 + 2, 12)
    assert sum(row.parameters for row in rows.values()) == model.count_params()
    assert rows["norm"].kind == "BatchNormalization"


def test_costs_want_a_flat_network_of_fixed_size():
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(1, 3)], name="inner")
    nested = keras.Sequential([keras.Input((8, 8, 3)), inner])
    with pytest.raises(ValueError, match="layer inner is a model in itself"):
        convolution.costs(nested)
    free = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(1, 3, name="free")])
    with pytest.raises(ValueError, match="layer free has no fixed size"):
        convolution.costs(free)


@pytest.mark.parametrize("make", ["MobileNetV2", "ResNet50", "EfficientNetV2B0"])
def test_published_networks_can_be_followed(make):
    model = getattr(keras.applications, make)(weights=None, input_shape=(96, 96, 3), include_top=False)
    fields = convolution.receptive_fields(model)
    costs = convolution.costs(model)
    for name, field in fields.items():
        shape = model.get_layer(name).output.shape
        assert field.units == (shape[1] if len(shape) == 4 else 1), name
    assert sum(cost.parameters for cost in costs) == model.count_params()


def test_counts_agree_with_published_figures():
    # VGG-16 at 224 px: 138,357,544 parameters (Simonyan & Zisserman 2015, table 2: 138 M), 15.5 G multiplications.
    model = keras.applications.VGG16(weights=None)
    rows = convolution.costs(model)
    assert sum(row.parameters for row in rows) == 138_357_544
    assert round(sum(row.multiplications for row in rows) / 1e9, 1) == 15.5
    # The last pooling layer's field, 212 pixels, and that of MobileNet v1's last convolution, 315 (Araujo et al. 2019).
    assert convolution.receptive_fields(model)["block5_pool"].size == 212
    mobilenet = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(224, 224, 3))
    assert list(convolution.receptive_fields(mobilenet).values())[-1].size == 315
