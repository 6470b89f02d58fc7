"""Two towers, one for images and one for sentences, that were trained to meet: CLIP in miniature.

Radford et al. 2021, *Learning transferable visual models from natural language supervision*.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

from tlbook._checks import whole
from tlbook.backbones.architectures import sketchnet
from tlbook.sketches import CAPTION_WORDS

SIZE, WIDTH, LENGTH = 64, 0.5, 64


def tokens() -> layers.TextVectorization:
    """From sentences to the numbers of their words, int64 (n, 64): 0 is no word, 1 an unknown one."""
    return layers.TextVectorization(vocabulary=list(CAPTION_WORDS), output_sequence_length=LENGTH)


def towers(reach: int = 3) -> tuple[keras.Model, keras.Model, keras.Model]:
    """Build both towers with random weights, and the model of the pair that trains them.

    Parameters
    ----------
    reach : int
        How many neighbouring words the text tower looks at together; with 1 it knows
        nothing of their order.

    Returns
    -------
    image_tower, reader, pair : keras.Model
        The reader takes numbers of words (see `tokens`). The pair takes images and numbers
        of words, and gives the scaled similarity of each image (row) and each sentence.
    """
    backbone = sketchnet(SIZE, width=WIDTH)
    x = layers.Dropout(0.2, name="dropout")(backbone.output)
    x = layers.Dense(64, use_bias=False, name="embedding")(x)
    image_tower = keras.Model(backbone.input, layers.UnitNormalization(name="unit")(x), name="image_tower")

    numbers = keras.Input((LENGTH,), dtype="int32", name="words")
    x = layers.Embedding(len(CAPTION_WORDS) + 2, 64, name="word")(numbers)
    together = layers.Conv1D(64, whole(reach, "reach", 1), padding="same", activation="relu", name="neighbours")(x)
    x = layers.Add(name="add")([x, together])
    said = ops.expand_dims(ops.cast(ops.not_equal(numbers, 0), "float32"), -1)
    # The mean over the words; a sentence without any gives zeros, where a masked pooling layer gives NaN.
    x = ops.sum(x * said, axis=1) / ops.maximum(ops.sum(said, axis=1), 1.0)
    x = layers.Dense(64, use_bias=False, name="sentence")(x)
    reader = keras.Model(numbers, layers.UnitNormalization(name="unit_sentence")(x), name="reader")

    image, words = keras.Input((SIZE, SIZE, 3), name="image"), keras.Input((LENGTH,), dtype="int32", name="numbers")
    similarity = Similarity(name="similarity")([image_tower(image), reader(words)])
    return image_tower, reader, keras.Model([image, words], similarity, name="pair")


@keras.saving.register_keras_serializable("tlbook")
class Similarity(layers.Layer):
    """Cosine of each image and each sentence of a batch, times a factor that is learned (at most 100)."""

    def build(self, shapes: Any) -> None:
        start = keras.initializers.Constant(math.log(1 / 0.07))
        self.log_scale = self.add_weight(shape=(), initializer=start, name="log_scale")

    def call(self, inputs: Any) -> Any:
        images, sentences = inputs
        scale = ops.exp(ops.minimum(self.log_scale, math.log(100.0)))
        return scale * ops.matmul(images, ops.transpose(sentences))

    def compute_output_shape(self, shapes: Any) -> tuple[int | None, int | None]:
        return shapes[0][0], shapes[1][0]


def contrastive_loss(y_true: Any, similarity: Any) -> Any:
    """Cross-entropy of each image choosing its sentence and each sentence its image, averaged; ``y_true`` is unused."""
    own = ops.arange(ops.shape(similarity)[0])
    entropy = keras.losses.sparse_categorical_crossentropy
    by_image = entropy(own, similarity, from_logits=True)
    by_sentence = entropy(own, ops.transpose(similarity), from_logits=True)
    return (by_image + by_sentence) / 2
