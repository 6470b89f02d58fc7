"""The training loop: what it minimises, what it leaves alone, what it records."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.tlbook.transfer.nets import SIZE, blobs, cross_entropy, logits_of, nested_classifier, tiny_backbone
from tlbook.datasets import Split
from tlbook.transfer import (
    L2SP,
    History,
    Recipe,
    attach_head,
    epoch_order,
    fine_tune,
    freeze,
    layer_groups,
    lp_ft,
    named_layers,
    optimizers,
    unfreeze,
)
from tlbook.transfer import train as train_model
from tlbook.transfer.regularizers import regularized

import keras  # isort: skip

TRAIN, VALIDATION = blobs(24, seed=1), blobs(16, seed=2)
IMAGES, LABELS = TRAIN


def flat(n_classes=2, **options):
    model = attach_head(tiny_backbone(), n_classes, **options)
    unfreeze(model)
    return model


def nested(n_classes=2):
    model, _ = nested_classifier(n_classes)
    freeze(model)
    unfreeze(model)
    return model


def run(model, train=TRAIN, validation=VALIDATION, **settings):
    in_memory = settings.pop("in_memory", 2**30)
    recipe = Recipe(**{"epochs": 1, "learning_rate": 0.01, "batch_size": 8} | settings)
    return train_model(model, train, validation, recipe, in_memory=in_memory, progress=False)


def weights_by_path(model):
    return {v.path: v.numpy() for v in model.weights}


class Scale(keras.layers.Layer):
    """Multiplies images in training; counts in Python, hence how often it is traced."""

    def __init__(self, factor=1.0, **options):
        super().__init__(**options)
        self.factor, self.traces, self.dtypes = factor, 0, set()

    def call(self, images, training=False):
        self.traces += 1
        self.dtypes.add(keras.backend.standardize_dtype(images.dtype))
        return images * self.factor if training else images

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


class Draw(keras.layers.Layer):
    """Adds one random number to every image, and keeps it."""

    def __init__(self, **options):
        super().__init__(**options)
        self.generator = keras.random.SeedGenerator(7)
        self.last = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, images, training=False):
        if not training:
            return images
        draw = keras.random.uniform((), 0, 50, seed=self.generator)
        self.last.assign(draw)
        return images + draw


@pytest.mark.parametrize(("build", "n_classes"), [(flat, 5), (nested, 2)])
def test_it_learns(build, n_classes):
    model = build(n_classes)
    train, validation = blobs(40, n_classes, noise=10), blobs(20, n_classes, seed=3, noise=10)
    before = weights_by_path(model)
    history = run(model, train, validation, epochs=8, learning_rate=0.02)
    assert history.train_loss[-1] < history.train_loss[0] / 1.5
    assert history.validation_loss[-1] < np.log(n_classes)
    after = weights_by_path(model)
    changed = {path for path in after if np.any(after[path] != before[path])}
    assert changed == {v.path for v in model.trainable_weights}
    logits = logits_of(model, validation[0])
    assert logits.shape == (20, n_classes)
    assert logits.min() < 0  # no softmax at the end
    assert history.validation_loss[-1] == pytest.approx(cross_entropy(logits, validation[1]), abs=1e-5)
    assert history.validation_accuracy[-1] == pytest.approx(np.mean(logits.argmax(1) == validation[1]))


def test_the_same_seed_gives_the_same_weights():
    augmentation = [keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1)]
    results = []
    for seed in (0, 0, 1):
        model = flat(dropout=0.5)
        history = run(model, epochs=2, seed=seed, augmentation=keras.Sequential(augmentation))
        results.append((model.get_weights(), history.objective))
    for a, b in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert results[0][1] == results[1][1]
    assert results[0][1] != results[2][1]


def test_order_depends_on_seed_and_epoch_alone():
    orders = [tuple(epoch_order(50, seed, epoch)) for seed in (0, 1) for epoch in (0, 1, 2)]
    assert len(set(orders)) == 6
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert tuple(epoch_order(50, 1, 2)) == orders[-1]


def test_every_image_is_seen_once_an_epoch_in_that_order():
    seen = []

    class Images:
        """A split that remembers what was asked of it."""

        labels = TRAIN[1]
        fingerprint = "remembered"

        def __len__(self):
            return len(self.labels)

        def select(self, positions):
            seen.append(list(positions))
            return Chosen(positions)

    class Chosen:
        def __init__(self, positions):
            self.positions = positions

        def images(self, size):
            assert size == SIZE
            return TRAIN[0][self.positions]

    Images.images = None  # never asked for all at once
    run(flat(), Images(), epochs=2, batch_size=7, in_memory=0)
    for epoch in (0, 1):
        parts = [list(part) for part in np.array_split(epoch_order(24, 0, epoch), 4)]
        at = [i for i in range(len(seen)) if seen[i : i + 4] == parts]
        assert at, f"epoch {epoch}"
    assert {len(part) for part in seen} == {6}


def test_augmentation_acts_on_training_batches_only():
    model = flat()
    freeze(model)
    scale = Scale(0.0)
    history = run(model, augmentation=scale, learning_rate=1e-12, optimizer="sgd")
    black = logits_of(model, np.zeros_like(TRAIN[0]))
    assert history.train_loss[0] == pytest.approx(cross_entropy(black, TRAIN[1]), abs=1e-5)
    assert history.validation_loss[0] == pytest.approx(cross_entropy(logits_of(model, VALIDATION[0]), VALIDATION[1]))
    assert scale.dtypes == {"float32"}
    assert TRAIN[0].dtype == np.uint8


def test_augmentation_is_drawn_anew_in_every_epoch_and_follows_the_seed():
    draws = {}
    for name, settings in {"one": {}, "two": {"epochs": 2}, "seed": {"seed": 5}}.items():
        draw = Draw()
        run(flat(), augmentation=draw, batch_size=24, **settings)
        draws[name] = float(draw.last)
    assert len(set(draws.values())) == 3


def test_nothing_is_traced_again_in_later_epochs():
    counter, steps = Scale(), 4 * 4
    run(flat(), augmentation=counter, epochs=4, batch_size=7)
    assert 1 <= counter.traces <= 2 < steps


def test_training_from_scratch_moves_the_statistics_fine_tuning_does_not():
    for model, moves in ((attach_head(tiny_backbone(), 2, frozen=False), True), (nested(), False)):
        norm = named_layers(model)["bn1"]
        run(model)
        assert norm.moving_mean.numpy().any() == moves


def test_label_smoothing():
    model = flat(5)
    train = blobs(20, 5)
    expected = cross_entropy(logits_of(model, train[0]), train[1], label_smoothing=0.2)
    plain = cross_entropy(logits_of(model, train[0]), train[1])
    assert abs(expected - plain) > 1e-3
    history = run(model, train, blobs(10, 5), label_smoothing=0.2, batch_size=20)
    # One batch: the objective is that of the weights before the first step.
    assert history.objective[0] == pytest.approx(expected, abs=1e-5)
    assert history.train_loss[0] == pytest.approx(plain, abs=1e-5)
    validation = blobs(10, 5)
    after = cross_entropy(logits_of(model, validation[0]), validation[1])
    assert history.validation_loss[0] == pytest.approx(after, abs=1e-5)


class TestL2SP:
    @pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="takes the gradient with TensorFlow's tape")
    def test_gradient(self):
        import tensorflow as tf

        model = flat()
        start = {id(v): v.numpy() for v in model.weights}
        rng = np.random.default_rng(0)
        with regularized(model, Recipe(l2_sp=(0.3, 0.7))):
            for v in model.trainable_weights:
                v.assign_add(rng.normal(size=v.shape))
            with tf.GradientTape() as tape:
                penalty = tf.add_n(model.losses)
            gradients = tape.gradient(penalty, [v.value for v in model.trainable_weights])
        value = 0.0
        for v, gradient in zip(model.trainable_weights, gradients, strict=True):
            if v.path == "head/bias":
                assert gradient is None
            elif v.path == "head/kernel":
                np.testing.assert_allclose(gradient, 0.7 * v.numpy(), rtol=1e-5)
                value += 0.35 * np.sum(v.numpy() ** 2)
            else:
                np.testing.assert_allclose(gradient, 0.3 * (v.numpy() - start[id(v)]), rtol=1e-4, atol=1e-6)
                value += 0.15 * np.sum((v.numpy() - start[id(v)]) ** 2)
        assert float(penalty) == pytest.approx(value, rel=1e-5)

    def test_adds_no_weight_and_leaves_none_behind(self):
        model = flat()
        own = model.get_layer("head").kernel.regularizer = keras.regularizers.L2(0.5)
        before = [v.path for v in model.weights]
        with regularized(model, Recipe(l2_sp=0.3, l2=0.1)):
            assert [v.path for v in model.weights] == before
            assert len(model.losses) == 3  # the trainable kernels; the head's bias is spared
        assert {v.path: v.regularizer for v in model.weights if v.regularizer} == {"head/kernel": own}

    def test_reads_its_config(self):
        term = L2SP(0.5, np.array([[1.0, -2.0]]))
        again = keras.regularizers.deserialize(keras.regularizers.serialize(term))
        weight = keras.ops.convert_to_tensor([[2.0, 2.0]])
        assert float(again(weight)) == float(term(weight)) == pytest.approx(0.25 * (1 + 16))

    def test_pulls_towards_the_start(self):
        distances = []
        for strength in (0.0, 10.0):
            model = flat()
            before = weights_by_path(model)
            run(model, epochs=5, l2_sp=(strength, 0.0))
            after = weights_by_path(model)
            distances.append(np.linalg.norm(after["conv1/kernel"] - before["conv1/kernel"]))
        assert 0 < distances[1] < distances[0] / 3

    def test_counts_in_the_objective_and_not_in_the_loss(self):
        model = flat()
        # The layer's own regulariser too, and only once.
        model.get_layer("head").kernel.regularizer = keras.regularizers.L2(0.5)
        square = np.sum(model.get_layer("head").kernel.numpy() ** 2)
        history = run(model, l2_sp=(0.0, 2.0), batch_size=24)
        assert history.objective[0] - history.train_loss[0] == pytest.approx(1.5 * square, rel=1e-4)


class TestDiscriminativeRates:
    def moved(self, **settings):
        """Largest change by layer in one step of Adam, which moves every weight by its rate."""
        model = flat()
        before = weights_by_path(model)
        history = run(model, batch_size=24, learning_rate=1e-3, **settings)
        after = weights_by_path(model)
        return {path.split("/")[0]: np.abs(after[path] - before[path]).max() for path in before}, history

    def test_layer_decay(self):
        moved, history = self.moved(layer_decay=0.5, groups=2)
        assert history.group_factors == {"group_1": 0.25, "group_2": 0.5, "head": 1.0}
        expected = {"conv1": 2.5e-4, "bn1": 0, "conv2": 5e-4, "bn2": 0, "head": 1e-3}
        assert moved == pytest.approx(expected, rel=1e-2)

    def test_rates_by_group(self):
        moved, history = self.moved(learning_rates={"block1": 1e-4, "head": 1e-2}, groups=["block1", "block2"])
        assert history.group_factors == pytest.approx({"block1": 0.1, "block2": 1.0, "head": 10.0})
        assert moved == pytest.approx({"conv1": 1e-4, "bn1": 0, "conv2": 1e-3, "bn2": 0, "head": 1e-2}, rel=1e-2)

    def test_groups_of_ones_own(self):
        groups = {"first": "conv1", "rest": ["conv2", "head"]}
        recipe = Recipe(groups=groups, learning_rate=1e-3, learning_rates={"first": 2e-3})
        assert optimizers.group_factors(flat(), recipe) == pytest.approx({"first": 2.0, "rest": 1.0})
        by_layer = optimizers.layer_factors(flat(), recipe)
        assert by_layer == pytest.approx({"conv1": 2.0, "conv2": 1.0, "head": 1.0})

    def test_layer_decay_without_a_head(self):
        by_group = optimizers.group_factors(tiny_backbone(), Recipe(groups=2, layer_decay=0.1))
        assert by_group == pytest.approx({"group_1": 0.1, "group_2": 1.0})

    def test_one_rate(self):
        assert optimizers.layer_factors(flat(), Recipe()) == {}
        assert optimizers.variable_factors(flat(), Recipe()) is None

    def test_factors_for_other_variables_are_refused(self):
        optimizer = optimizers.GroupAdam(factors=[1.0, 2.0])
        with pytest.raises(ValueError, match="2 factors for 4 trainable variables"):
            optimizer.build(flat().trainable_variables)

    def test_an_optimiser_reads_its_config(self):
        for kind in (optimizers.GroupAdam, optimizers.GroupSGD):
            optimizer = kind(0.1, factors=[0.5, 1.0], weight_decay=0.01)
            again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
            assert type(again) is kind
            assert again.get_config() == optimizer.get_config()


class TestEarlyStopping:
    def test_stops_and_restores_the_best(self):
        # Validation labels are turned round: every gain in training is a loss there.
        model = flat()
        turned = VALIDATION[0], 1 - VALIDATION[1]
        history = run(model, validation=turned, epochs=20, learning_rate=0.05, patience=2)
        assert history.stopped_early
        assert history.restored
        assert history.epochs == history.best_epoch + 3 < 20
        loss = cross_entropy(logits_of(model, turned[0]), turned[1])
        assert loss == pytest.approx(min(history.validation_loss), rel=1e-4)
        assert history.validation_loss[-1] > loss + 0.01

    def test_without_patience_the_last_weights_stay(self):
        model = flat()
        turned = VALIDATION[0], 1 - VALIDATION[1]
        history = run(model, validation=turned, epochs=6, learning_rate=0.05)
        assert not history.restored
        assert not history.stopped_early
        assert history.epochs == 6
        loss = cross_entropy(logits_of(model, turned[0]), turned[1])
        assert loss == pytest.approx(history.validation_loss[-1], rel=1e-4)
        assert history.best_epoch == int(np.argmin(history.validation_loss)) < 5

    def test_restoring_without_stopping(self):
        model = flat()
        turned = VALIDATION[0], 1 - VALIDATION[1]
        history = run(model, validation=turned, epochs=6, learning_rate=0.05, restore_best=True)
        assert history.restored
        assert history.epochs == 6
        loss = cross_entropy(logits_of(model, turned[0]), turned[1])
        assert loss == pytest.approx(min(history.validation_loss), rel=1e-4)

    def test_accuracy_may_decide(self):
        history = run(flat(), epochs=4, learning_rate=1e-9, patience=2, monitor="validation_accuracy")
        # Nothing moves: the first of equals is the best, and two epochs later it ends.
        assert (history.best_epoch, history.epochs, history.stopped_early) == (0, 3, True)

    def test_the_last_epoch_is_no_early_stop(self):
        history = run(flat(), epochs=3, learning_rate=1e-9, patience=2, monitor="validation_accuracy")
        assert (history.epochs, history.stopped_early) == (3, False)


class TestGradualUnfreezing:
    def test_layers_join_at_their_epochs(self):
        model = attach_head(tiny_backbone(), 2)
        history = run(model, epochs=4, unfreezing={1: "conv2", 3: "conv1"}, schedule="linear")
        conv1, conv2 = (model.get_layer(name).count_params() for name in ("conv1", "conv2"))
        assert history.trainable_parameters == [18, 18 + conv2, 18 + conv2, 18 + conv2 + conv1]
        # The schedule goes on over the changes.
        np.testing.assert_allclose(history.learning_rate, [0.01, 0.0075, 0.005, 0.0025], rtol=1e-6)

    def test_before_its_epoch_a_layer_keeps_its_weights(self):
        model = attach_head(tiny_backbone(), 2)
        before = weights_by_path(model)
        run(model, epochs=2, unfreezing={1: "conv2"})
        after = weights_by_path(model)
        np.testing.assert_array_equal(after["conv1/kernel"], before["conv1/kernel"])
        assert np.any(after["conv2/kernel"] != before["conv2/kernel"])

    def test_from_the_first_epoch(self):
        model = attach_head(tiny_backbone(), 2, frozen=True)
        freeze(model, head=True)
        history = run(model, unfreezing={0: "conv2"})
        assert history.trainable_parameters == [18 + model.get_layer("conv2").count_params()]

    def test_a_mistake_in_the_plan_shows_before_training(self):
        model = attach_head(tiny_backbone(), 2)
        before = model.get_weights()
        for plan, message in (
            ({1: "conv1", 2: "conv2"}, "would change nothing"),
            ({1: "conv9"}, "No layer 'conv9'"),
            ({4: "conv2"}, "epochs run from 0 to 3"),
        ):
            with pytest.raises(ValueError, match=message):
                run(model, epochs=4, unfreezing=plan)
        assert len(model.trainable_weights) == 2
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_warm_up_and_cosine_reach_the_optimiser():
    model = flat()
    freeze(model)
    before = model.get_layer("head").bias.numpy()
    history = run(model, epochs=4, warmup_epochs=2, schedule="cosine", learning_rate=1e-3, batch_size=24)
    np.testing.assert_allclose(history.learning_rate, [5e-4, 1e-3, 1e-3, 5e-4], rtol=1e-6)
    # Adam moves the bias by at most about the rate a step.
    assert 0 < np.abs(model.get_layer("head").bias.numpy() - before).max() <= 1.05 * sum(history.learning_rate)


@pytest.fixture
def splits(tmp_path):
    def write(name, images, labels):
        paths = []
        for i, image in enumerate(images):
            paths.append(tmp_path / f"{name}-{i}.png")
            Image.fromarray(image).save(paths[-1])
        return Split(name, paths, labels, ("dark", "light"))

    return write("train", *TRAIN), write("validation", *VALIDATION)


def test_a_split_decoded_batch_by_batch_trains_like_arrays(splits):
    results = []
    for data, in_memory in (((TRAIN, VALIDATION), 0), (splits, 0)):
        model = flat()
        history = run(model, *data, epochs=2, in_memory=in_memory)
        results.append([*model.get_weights(), history.validation_loss])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_history_is_plain(splits):
    history = run(flat(), *splits, epochs=2, layer_decay=0.5, groups=2, patience=1)
    record = json.loads(json.dumps(history.to_dict()))
    assert History.from_dict(record) == history
    lists = [value for value in record.values() if isinstance(value, list)]
    assert len(lists) == 8
    assert {len(values) for values in lists} == {2}
    assert history.total_seconds == sum(history.seconds) > 0
    assert history.epochs == 2


def test_nan_is_never_the_best_epoch():
    history = History()
    gains = [history.record(validation_loss=loss, seconds=1.0) for loss in (np.nan, 2.0, np.nan, 1.0, 1.0)]
    assert gains == [True, True, False, True, False]
    assert history.best_epoch == 3


def test_float_images_and_few_of_them_are_fine():
    history = run(flat(), (TRAIN[0][:3].astype(np.float64), TRAIN[1][:3]), batch_size=100)
    assert min(abs(history.train_accuracy[0] - k / 3) for k in range(4)) < 1e-6


def test_activations_may_have_any_sign_but_no_nan():
    features = np.random.default_rng(0).normal(size=(24, 8))
    head = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2, name="head")])
    assert run(head, (features, LABELS), (features, LABELS)).epochs == 1
    with pytest.raises(ValueError, match="finite"):
        run(head, (features * np.nan, LABELS), (features, LABELS))
    with pytest.raises(ValueError, match="finite"):
        run(head, (features.astype(int), LABELS), (features, LABELS))


REFUSING = flat()  # no call changes it


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ((IMAGES[:, :8], LABELS), {}, r"takes train images of shape \(n, 16, 16, 3\); got \(24, 8, 16, 3\)"),
        ((IMAGES[:0], LABELS[:0]), {}, r"train has no images: shape \(0, 16, 16, 3\)"),
        ((IMAGES, LABELS[:5]), {}, "24 images, but labels"),
        ((IMAGES, LABELS + 1), {}, "run from 1 to 2; the model has 2 logits"),
        ((IMAGES, LABELS.astype(float)), {}, "whole numbers"),
        ((IMAGES / 255.0, LABELS), {}, "from 0 to 255"),
        ((IMAGES.astype(np.int32), LABELS), {}, "from 0 to 255"),
        ((IMAGES * np.nan, LABELS), {}, "from 0 to 255"),
        (3, {}, "a Split or a pair"),
        (TRAIN, {"epochs": 0}, "epochs=0"),
        (TRAIN, {"batch_size": 0}, "batch_size=0"),
        (TRAIN, {"patience": 0}, "patience=0"),
        (TRAIN, {"epochs": 1.5}, "whole number"),
        (TRAIN, {"monitor": "val_loss"}, "validation_accuracy"),
        (TRAIN, {"label_smoothing": 1.0}, r"\[0, 1\)"),
        (TRAIN, {"optimizer": "rmsprop"}, "'adam', 'adamw' or 'sgd'"),
        (TRAIN, {"weight_decay": 0.1}, "adamw"),
        (TRAIN, {"optimizer": "sgd", "weight_decay": -0.1}, "weight_decay=-0.1: give a number not below 0"),
        (TRAIN, {"optimizer": "sgd", "momentum": 1.0}, r"momentum=1.0: give a number in \[0, 1\)"),
        (TRAIN, {"schedule": "step"}, "'constant', 'linear' or 'cosine'"),
        (TRAIN, {"warmup_epochs": 1}, r"warmup_epochs=1: give a number in \[0, 1\)"),
        (TRAIN, {"warmup_epochs": 0.9, "batch_size": 100}, "does not fit"),
        (TRAIN, {"learning_rate": 0.0}, "learning_rate=0.0: give a number above 0"),
        (TRAIN, {"l2_sp": -1.0}, "not negative"),
        (TRAIN, {"l2_sp": (1.0, 2.0, 3.0)}, "not negative"),
        (TRAIN, {"layer_decay": 1.5, "groups": 2}, r"\(0, 1\]"),
        (TRAIN, {"layer_decay": 0.5, "learning_rates": {"head": 1.0}}, "not both"),
        (TRAIN, {"learning_rates": {"tail": 1.0}, "groups": 2}, "groups among"),
        (TRAIN, {"learning_rates": {"head": 0.0}, "groups": 2}, r"learning_rates\['head'\]=0.0: give a number above 0"),
        (TRAIN, {"layer_decay": 0.5, "groups": {"a": ["conv1"], "b": ["conv1"]}}, "'a' and 'b'"),
    ],
)
def test_bad_input_is_refused(data, settings, message):
    with pytest.raises(ValueError, match=message):
        run(REFUSING, data, **settings)


def test_models_that_give_no_logits_are_refused():
    inputs = keras.Input((SIZE, SIZE, 3))
    one = keras.Model(inputs, keras.layers.Dense(1)(tiny_backbone()(inputs)))
    with pytest.raises(ValueError, match="not \\(n, N\\) logits"):
        run(one)
    with pytest.raises(ValueError, match="not \\(n, N\\) logits"):
        run(tiny_backbone(pooled=False))


def test_a_split_needs_a_model_of_fixed_square_input(splits):
    inputs = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(inputs))
    model = keras.Model(inputs, x)
    with pytest.raises(ValueError, match="give arrays"):
        run(model, *splits)
    assert run(model).epochs == 1
    with pytest.raises(ValueError, match="train is empty"):
        run(flat(), splits[0].select([]), splits[1])


def test_lp_ft_is_probe_head_unfreezing_and_training():
    from tlbook.transfer import linear_probe

    backbone = tiny_backbone()
    before = backbone.get_weights()
    features = [backbone.predict(x, verbose=0) for x in (TRAIN[0], VALIDATION[0])]
    probe = linear_probe(features[0], TRAIN[1], features[1], VALIDATION[1])
    recipe = Recipe(epochs=2, learning_rate=1e-4, layer_decay=0.5, groups=layer_groups(attach_head(backbone, 2), 2))
    model = attach_head(backbone, probe)
    unfreeze(model, after_layer="block1")
    history = fine_tune(model, TRAIN, VALIDATION, recipe, progress=False)
    assert history.trainable_parameters[0] == 3 * 3 * 6 * 8 + 18
    once, its_history = lp_ft(backbone, TRAIN, VALIDATION, recipe, after_layer="block1", probe=probe, progress=False)
    for a, b in zip(model.get_weights(), once.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert its_history.objective == history.objective
    for a, b in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_lp_ft_fits_the_probe_itself(tmp_path, monkeypatch):
    from tlbook import backbones, features
    from tlbook.transfer import linear_probe

    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path))
    backbone = backbones.Backbone("tiny", tiny_backbone(), ("block1", "block2"))
    recipe = Recipe(epochs=1, learning_rate=1e-3)
    x, z = (features.extract(backbone, images, cache=False) for images in (TRAIN[0], VALIDATION[0]))
    probe = linear_probe(x, TRAIN[1], z, VALIDATION[1])
    given, _ = lp_ft(backbone, TRAIN, VALIDATION, recipe, probe=probe, progress=False)
    fitted, _ = lp_ft(backbone, TRAIN, VALIDATION, recipe, progress=False)
    for a, b in zip(given.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fine_tuning_refuses_to_change_nothing_pretrained():
    model = attach_head(tiny_backbone(), 2)
    recipe = Recipe(epochs=2, batch_size=8)
    with pytest.raises(ValueError, match=r"transfer.unfreeze\(model\) first, or transfer.train for the head alone"):
        fine_tune(model, TRAIN, VALIDATION, recipe, progress=False)
    assert fine_tune(model, TRAIN, VALIDATION, recipe.replace(unfreezing={1: "conv2"}), progress=False).epochs == 2
    freeze(model)
    assert train_model(model, TRAIN, VALIDATION, recipe, progress=False).epochs == 2


def test_settings_outside_a_recipe_are_refused():
    with pytest.raises(ValueError, match=r"give a transfer\.Recipe"):
        fine_tune(flat(), TRAIN, VALIDATION, {"epochs": 2})
