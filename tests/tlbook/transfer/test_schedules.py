"""Learning rates by step; optimisers with a rate for each group against separate ones."""

import numpy as np
import pytest

import tlbook._quiet  # noqa: F401  (before Keras)
from tlbook.transfer import Recipe, learning_rates
from tlbook.transfer.optimizers import GroupAdam, GroupSGD, make_optimizer
from tlbook.transfer.schedules import Tabulated

import keras  # isort: skip


def test_worked_values():
    assert learning_rates("constant", 0.5, 3).tolist() == [0.5, 0.5, 0.5]
    np.testing.assert_allclose(learning_rates("linear", 1.0, 4), [1, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(learning_rates("cosine", 2.0, 4), [2, 1 + np.sqrt(0.5), 1, 1 - np.sqrt(0.5)], rtol=1e-6)
    np.testing.assert_allclose(learning_rates("linear", 1.0, 6, 2), [0.5, 1, 1, 0.75, 0.5, 0.25])
    assert learning_rates("cosine", 1.0, 10, 3).dtype == np.float32


@pytest.mark.parametrize("warmup", [0, 7])
def test_cosine_is_that_of_keras(warmup):
    ours = learning_rates("cosine", 0.3, 40, warmup)
    theirs = keras.optimizers.schedules.CosineDecay(0.3, 40 - warmup)
    np.testing.assert_allclose(ours[warmup:], [float(theirs(step)) for step in range(40 - warmup)], atol=1e-6)
    assert ours.argmax() == max(warmup - 1, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("poly", 1.0, 5), "'constant', 'linear' or 'cosine'"),
        (("linear", 1.0, 5, 5), "does not fit"),
        (("linear", 1.0, 5, -1), "does not fit"),
        (("linear", 1.0, 0), "does not fit"),
        (("linear", -1.0, 5), "learning_rate=-1.0: give a number above 0"),
        (("linear", float("nan"), 5), "learning_rate=nan: give a number above 0"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        learning_rates(*settings)


def test_a_table_is_read_by_step_and_holds_its_last_value():
    table = Tabulated(np.array([0.1, 0.2, 0.3], np.float32))
    assert [float(table(step)) for step in (0, 1, 2, 3, 100)] == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.3])
    copy = Tabulated.from_config(table.get_config())
    np.testing.assert_array_equal(copy.table, table.table)


def variables():
    rng = np.random.default_rng(0)
    shapes = ((3, 4), (4,), (4, 2), (2,))
    return [keras.Variable(rng.normal(size=shape), dtype="float32", name=f"v{i}") for i, shape in enumerate(shapes)]


def separate(name, rate, decay):
    if name == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.8, weight_decay=decay or None)
    elif name == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=decay)
    else:
        optimizer = keras.optimizers.Adam(rate)
    return optimizer


@pytest.mark.parametrize(("name", "decay"), [("adam", 0.0), ("adamw", 0.1), ("sgd", 0.0), ("sgd", 0.1)])
def test_groups_train_as_under_optimisers_of_their_own(name, decay):
    together, apart = variables(), variables()
    factors = [0.1, 0.1, 2.0, 2.0]
    options = {"momentum": 0.8} if name == "sgd" else {}
    ours = (GroupSGD if name == "sgd" else GroupAdam)(0.05, factors=factors, weight_decay=decay, **options)
    # Kernels and biases apart too, since only kernels decay.
    theirs = [separate(name, 0.05 * f, decay if len(v.shape) > 1 else 0.0) for f, v in zip(factors, apart, strict=True)]
    rng = np.random.default_rng(1)
    for _ in range(6):
        gradients = [keras.ops.convert_to_tensor(rng.normal(size=v.shape), "float32") for v in together]
        ours.apply(gradients, together)
        for optimizer, gradient, variable in zip(theirs, gradients, apart, strict=True):
            optimizer.apply([gradient], [variable])
    for a, b, start in zip(together, apart, variables(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=1e-6)
        assert np.abs(a.numpy() - start.numpy()).max() > 1e-3


def test_scaling_the_gradient_instead_would_not_do():
    """Why the factor multiplies the update: Adam divides the gradient's scale out again."""
    plain, scaled = variables()[:1], variables()[:1]
    gradient = keras.ops.convert_to_tensor(np.ones((3, 4)), "float32")
    GroupAdam(0.05).apply([gradient], plain)
    GroupAdam(0.05).apply([gradient * 0.1], scaled)
    np.testing.assert_allclose(plain[0].numpy(), scaled[0].numpy(), atol=1e-5)


def test_a_schedule_and_factors_together():
    weights = [keras.Variable(np.zeros(1), dtype="float32"), keras.Variable(np.zeros(1), dtype="float32")]
    optimizer = GroupSGD(Tabulated(np.array([1.0, 0.5])), factors=[1.0, 0.1], momentum=0.0)
    one = keras.ops.convert_to_tensor(np.ones(1), "float32")
    for _ in range(2):
        optimizer.apply([one, one], weights)
    assert [float(w.numpy()[0]) for w in weights] == pytest.approx([-1.5, -0.15])


@pytest.mark.parametrize(
    ("settings", "kind", "decay"),
    [
        ({}, keras.optimizers.Adam, 0.0),
        ({"optimizer": "adamw"}, keras.optimizers.Adam, 0.004),
        ({"optimizer": "adamw", "weight_decay": 0.1}, keras.optimizers.Adam, 0.1),
        ({"optimizer": "sgd", "momentum": 0.8}, keras.optimizers.SGD, 0.0),
    ],
)
def test_the_optimiser_of_a_recipe(settings, kind, decay):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    config = make_optimizer(model, Recipe(**settings), 0.05).get_config()
    assert isinstance(make_optimizer(model, Recipe(**settings), 0.05), kind)
    assert config["weight_decay"] == decay
    assert config.get("momentum", 0.8) == 0.8
    assert config["factors"] is None
