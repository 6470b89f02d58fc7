"""Any Keras model as a backbone: one's own, of Keras Applications, of KerasHub."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import tlbook._quiet  # noqa: F401
from tlbook._checks import whole
from tlbook._models import standard_settings
from tlbook.backbones.backbone import Backbone

if TYPE_CHECKING:
    import keras


@standard_settings()
def wrap(
    model: keras.Model,
    *,
    layer: str | None = None,
    preprocess: Callable[[Any], Any] | None = None,
    input_size: int | None = None,
    name: str | None = None,
) -> Backbone:
    """Make a backbone of a Keras model.

    The layers are copied with their weights into one flat graph; models nested
    in it are opened. So training the backbone leaves the given model as it was,
    preprocessing can stand in front, and every layer has one output to look at
    (a shared layer would have one in each graph).

    Parameters
    ----------
    model : keras.Model
        Functional, or Sequential and built, with one image (n, size, size, 3) as
        its input.
    layer : str, optional
        Name of the last layer to keep, which may be a nested model or in one; by
        default the last of all. It gives features (n, d), or maps (n, h, w, d), which are
        averaged over h and w. Where a layer is applied more than once, or two are
        called the same, the first application counts.
    preprocess : keras.layers.Layer or callable, optional
        Turns images (n, size, size, 3) with values from 0 to 255 into what the
        model takes, such as ``keras.layers.Rescaling(1 / 255)`` or the
        ``preprocess_input`` of a Keras Application. By default the model itself
        takes values from 0 to 255.
    input_size : int, optional
        Side of the images in pixels; needed where the model leaves it open. Paddings
        that the model computed from the size it was built for stay as they are.
    name : str, optional
        By default that of the model.

    Returns
    -------
    Backbone
        Its ``stages`` are, for each resolution, the deepest layer through which
        everything passes on its way to the output.

    Raises
    ------
    ValueError
        A subclassed model, or one that is not built; several inputs or outputs; an
        input that is no image or has no fixed size; an unknown layer; an output
        that is neither (n, d) nor (n, h, w, d); a classifier where no ``layer`` says
        what to keep; a layer that cannot be copied.

    Examples
    --------
    >>> import keras
    >>> network = keras.Sequential(
    ...     [keras.Input((64, 64, 3)), keras.layers.Conv2D(8, 3, strides=2), keras.layers.ReLU(name="maps")], name="small"
    ... )
    >>> backbone = wrap(network, preprocess=keras.layers.Rescaling(1 / 255))
    >>> backbone
    Backbone('small', 64 px, 224 parameters, 8 features)
    >>> backbone.stages
    ('maps',)
    """
    import keras

    _check_graph(model)
    if len(model.inputs) != 1 or (len(model.outputs) != 1 and layer is None):
        raise ValueError(
            f"{model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; a backbone has one of each"
        )
    size = _input_size(model, input_size)
    parts = list(_parts(model))
    known = [one.name for one in parts]
    if layer is None:
        _refuse_classifier(model, [one for one in parts if not isinstance(one, keras.Model)])
    elif layer not in known:
        near = difflib.get_close_matches(layer, known, n=3) or known[-3:]
        raise ValueError(f"{model.name!r} has no layer {layer!r}; there is, for example, {', '.join(near)}")

    inputs = keras.Input((size, size, 3), name="image")
    copy = _Copy()
    x = inputs if preprocess is None else _preprocessed(inputs, preprocess, copy)
    copy.steps.clear()
    x = copy.applied(model, x, until=layer)
    copy.take_weights(model.name)
    stages = _stages(copy.steps)
    if len(x.shape) == 4:
        x = keras.layers.GlobalAveragePooling2D(name=copy.unused("features"))(x)
    if len(x.shape) != 2:
        raise ValueError(
            f"{layer or 'the last layer'} of {model.name!r} gives {tuple(x.shape)}; features (n, d) or maps (n, h, w, d) "
            "are needed: give layer=, one that has such an output"
        )
    name = model.name if name is None else name
    return Backbone(name, keras.Model(inputs, x, name=name), stages)


def flat(model: keras.Model) -> keras.Model:
    """The same model, with its weights, as one graph in which no model is nested."""
    import keras

    if not any(isinstance(layer, keras.Model) for layer in model.layers):
        return model
    inputs, copy = keras.Input(model.inputs[0].shape[1:], name="image"), _Copy()
    outputs = copy.applied(model, inputs)
    copy.take_weights(model.name)
    return keras.Model(inputs, outputs, name=model.name)


def _check_graph(model: Any) -> None:
    import keras

    if not isinstance(model, keras.Model):
        raise ValueError(f"a Keras model becomes a backbone, not {type(model).__name__}")
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        if isinstance(model, keras.Sequential) and not model.built:
            raise ValueError(
                f"{model.name!r} is not built; begin it with keras.Input((size, size, 3)), "
                "or call model.build((None, size, size, 3))"
            )
        raise ValueError(
            f"{model.name!r} is a subclassed model ({type(model).__name__}), whose graph of layers Keras does not know; "
            "give a functional or Sequential one"
        )


def _input_size(model: keras.Model, asked: int | None) -> int:
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4 or shape[3] not in (3, None):
        raise ValueError(f"{model.name!r} takes {shape}; a backbone takes images (n, size, size, 3)")
    if asked is not None:
        return whole(asked, "input_size", of="pixels")
    if shape[1] is None or shape[1] != shape[2]:
        raise ValueError(f"{model.name!r} takes {shape}, which fixes no one side; give input_size, such as 224")
    return int(shape[1])


def _parts(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model, shallow to deep, and before a nested model those in it."""
    import keras

    _check_graph(model)
    for one in model.layers:
        if isinstance(one, keras.Model):
            yield from _parts(one)
        if not isinstance(one, keras.layers.InputLayer):
            yield one


def _refuse_classifier(model: keras.Model, leaves: list[keras.layers.Layer]) -> None:
    """Refuse a model that ends in a Dense layer or in probabilities: its features come before."""
    import keras

    rest = list(leaves)
    ends, before = False, ""
    while rest and isinstance(rest[-1], keras.layers.Softmax | keras.layers.Activation | keras.layers.Dropout):
        last = rest.pop()
        ends |= isinstance(last, keras.layers.Softmax) or _activation(last) in ("softmax", "sigmoid")
    if rest and isinstance(rest[-1], keras.layers.Dense):
        ends = True
        rest.pop()
        while rest and isinstance(rest[-1], keras.layers.Dropout):
            rest.pop()
        before = f", such as layer={rest[-1].name!r}" if rest else ""
    if ends:
        raise ValueError(
            f"{model.name!r} ends in a classifier (layer {leaves[-1].name!r}); give layer=, the last one to keep{before}"
        )


def _activation(layer: keras.layers.Layer) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _preprocessed(inputs: Any, preprocess: Callable[[Any], Any], copy: _Copy) -> Any:
    import keras

    raw = keras.Input(inputs.shape[1:])
    try:
        x = preprocess(raw)
    except Exception as error:
        raise ValueError(f"preprocess has to take Keras tensors, as a layer does; it raises {error}") from error
    if not isinstance(x, keras.KerasTensor) or x.shape != raw.shape:
        raise ValueError(
            f"preprocess has to turn {raw.shape} into the same shape; it gives {getattr(x, 'shape', type(x).__name__)}"
        )
    return copy.applied(keras.Model(raw, x), inputs)


class _Step(NamedTuple):
    """One application of a layer."""

    layer: Any
    inputs: tuple[int, ...]
    output: Any


class _Reached(Exception):
    """The end of a model, or the last layer to keep."""

    def __init__(self, output: Any, place: Any) -> None:
        self.output, self.place = output, place


class _Copy:
    """The layers of a model once more, in one graph without nested models, as far as a layer."""

    def __init__(self) -> None:
        self.steps: list[_Step] = []
        self._taken = {"image"}
        self._until: str | None = None
        self._copies: dict[int, tuple[Any, Any]] = {}
        self._originals: dict[int, str] = {}

    def applied(self, model: keras.Model, tensor: Any, until: str | None = None) -> Any:
        self._until = until
        try:
            return self._replayed(model, tensor)
        except _Reached as reached:
            return reached.output

    def unused(self, name: str) -> str:
        """A name that no layer has yet."""
        count, found = 1, name
        while found in self._taken:
            count, found = count + 1, f"{name}_{count}"
        self._taken.add(found)
        return found

    def take_weights(self, model_name: str) -> None:
        for original, copied in self._copies.values():
            if not getattr(original, "weights", None) or not copied.built:
                continue
            try:
                copied.set_weights(original.get_weights())
            except ValueError as error:
                raise ValueError(
                    f"layer {original.name!r} of {model_name!r} has weights for another input size; leave input_size out"
                ) from error

    def _replayed(self, model: keras.Model, tensor: Any) -> Any:
        import keras

        end = keras.layers.Identity()

        def called(layer: Any, *arguments: Any, **options: Any) -> Any:
            if layer is end:
                raise _Reached(arguments[0], end)
            return self._called(layer, *arguments, **options)

        # A bare functional model: a Sequential one, or a class of its own, would not take the functions.
        bare = keras.Model(model.inputs[0], end(model.outputs))
        try:
            # Left before it makes a model of the new tensors, which would be a copy of the copy.
            keras.models.clone_model(
                bare,
                input_tensors=tensor,
                clone_function=lambda layer: layer if layer is end else self._copied(layer),
                call_function=called,
            )
        except _Reached as reached:
            if reached.place is not end:
                raise
            outputs = reached.output
        return outputs[0] if len(outputs) == 1 else outputs

    def _copied(self, layer: Any) -> Any:
        import keras

        if isinstance(layer, keras.Model):
            return layer  # opened where it is called
        if id(layer) not in self._copies:
            try:
                config = {**layer.get_config(), "name": self.unused(layer.name)}
                copied = _rescaling(config) if _is_fixed(layer) else type(layer).from_config(config)
            except Exception as error:
                raise ValueError(
                    f"layer {layer.name!r} ({type(layer).__name__}) cannot be copied: it needs a get_config that gives the "
                    f"arguments of its constructor ({error})"
                ) from error
            self._copies[id(layer)] = (layer, copied)
            self._originals[id(copied)] = layer.name
        return self._copies[id(layer)][1]

    def _called(self, layer: Any, *arguments: Any, **options: Any) -> Any:
        import keras

        if isinstance(layer, keras.Model):
            _check_graph(layer)
            output, name = self._replayed(layer, arguments[0]), layer.name
        else:
            # A constant that is a tensor would become an input of an exported graph.
            arguments, options = keras.tree.map_structure(_as_array, (arguments, options))
            output, name = layer(*arguments, **options), self._originals[id(layer)]
            given = keras.tree.flatten((arguments, options))
            self.steps.append(
                _Step(layer, tuple(id(one) for one in given if isinstance(one, keras.KerasTensor)), output)
            )
        if name == self._until:
            raise _Reached(output, layer)
        return output


def _is_fixed(layer: Any) -> bool:
    """Whether a layer normalises channels by given constants, as those of Keras Applications do."""
    import keras

    if not isinstance(layer, keras.layers.Normalization):
        return False
    config = layer.get_config()
    return config["mean"] is not None and config["axis"] in (-1, [-1], (-1,)) and not config["invert"]


def _rescaling(config: dict[str, Any]) -> keras.layers.Layer:
    """The same as a Normalization of given constants, which Keras cannot export to ONNX (they become inputs)."""
    import keras

    mean, variance = (np.asarray(config[key], float).ravel() for key in ("mean", "variance"))
    scale = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
    return keras.layers.Rescaling(scale.tolist(), offset=(-mean * scale).tolist(), name=config["name"])


def _as_array(value: Any) -> Any:
    import keras

    constant = keras.ops.is_tensor(value) and not isinstance(value, keras.KerasTensor)
    return keras.ops.convert_to_numpy(value) if constant else value


def _stages(steps: list[_Step]) -> tuple[str, ...]:
    """For each resolution the deepest layer through which everything passes."""
    import keras

    no_stage = (
        keras.layers.ZeroPadding2D,
        keras.layers.Cropping2D,
        keras.layers.GlobalAveragePooling2D,
        keras.layers.GlobalMaxPooling2D,
    )
    last_use = {tensor: place for place, step in enumerate(steps) for tensor in step.inputs}
    passed: list[tuple[str, int]] = []
    made = {id(one) for step in steps for one in keras.tree.flatten(step.output)}
    # How far on anything that was there before is needed, the image included; and whether preprocessing is over.
    needed = max((place for tensor, place in last_use.items() if tensor not in made), default=-1)
    weighted = False
    for place, step in enumerate(steps):
        weighted = weighted or bool(getattr(step.layer, "weights", ()))
        alone = needed <= place
        needed = max(needed, *(last_use.get(id(one), -1) for one in keras.tree.flatten(step.output)))
        if not isinstance(step.output, keras.KerasTensor):
            continue
        shape = step.output.shape
        maps = len(shape) == 4 and shape[1] is not None and isinstance(step.layer, keras.layers.Layer)
        if alone and weighted and maps and not isinstance(step.layer, no_stage):
            passed.append((step.layer.name, shape[1]))
    following = [rows for _, rows in [*passed, ("", 0)][1:]]
    # A convolution without padding takes a pixel or two off; a stage ends where much more goes.
    return tuple(name for (name, rows), after in zip(passed, following, strict=True) if 3 * after <= 2 * rows)
