"""The training itself: balanced batches, one cycle of the learning rate, bit-equal for one seed on one machine."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.summary import POSITIVE_MM2
from hounsfield.model.networks import build_network
from hounsfield.model.train.heads import Slices
from hounsfield.model.train.recipe import Recipe

Progress = Callable[[int, float], None]
"""Called with the number of steps done and the mean loss since the last call."""
Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def settle(seed: int) -> None:
    """Make Keras and TensorFlow of this process deterministic; layer names start anew."""
    import keras
    import tensorflow as tf

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def set_threads(count: int) -> None:
    """Fix TensorFlow's threads; only before it has computed anything."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


class Sampler:
    """Draws batches, half of them positive; negatives come from bleeding heads too. Flips and shifts."""

    def __init__(self, slices: Slices, batch: int, seed: int) -> None:
        """Raises ValueError if one of the classes is missing."""
        self._slices, self._batch = slices, batch
        self._positive = np.flatnonzero(slices.lesion_mm2 >= POSITIVE_MM2)
        self._negative = np.flatnonzero(slices.lesion_mm2 == 0)
        if len(self._positive) == 0 or len(self._negative) == 0:
            raise ValueError("a training set needs slices with and without haemorrhage")
        self._rng = np.random.default_rng(seed)

    def draw(self) -> Batch:
        """Return tensors, labels (n, 1) and lesion maps."""
        half = self._batch // 2
        chosen = np.concatenate(
            [self._rng.choice(self._positive, half), self._rng.choice(self._negative, self._batch - half)]
        )
        tensors = self._slices.tensors[chosen].astype(np.float32)
        maps = self._slices.maps[chosen].astype(np.float32)
        for index in range(self._batch):
            tensors[index], maps[index] = self._augmented(tensors[index], maps[index])
        labels = (np.arange(self._batch) < half).astype(np.float32)[:, None]
        return tensors, labels, maps

    def _augmented(
        self, tensor: NDArray[np.float32], lesion: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Flip left and right, shift by whole cells of the map (the border is empty), scale the contrast a little."""
        if self._rng.random() < 0.5:
            tensor, lesion = tensor[:, ::-1], lesion[:, ::-1]
        cells = self._rng.integers(-1, 2, size=2)
        scale = tensor.shape[0] // lesion.shape[0]
        tensor = np.roll(tensor, tuple(int(c) * scale for c in cells), (0, 1))
        lesion = np.roll(lesion, tuple(int(c) for c in cells), (0, 1))
        gain = self._rng.uniform(0.85, 1.15, size=(1, 1, tensor.shape[2])).astype(np.float32)
        return tensor * gain, lesion


def train(slices: Slices, recipe: Recipe, progress: Progress | None = None, every: int = 100) -> Any:
    """Return the trained ``keras.Model`` with score and lesion map. Call :func:`settle` first."""
    model = build_network(recipe.network)
    step = _training_step(model, recipe)
    sampler = Sampler(slices, recipe.batch, recipe.seed)
    losses: list[float] = []
    for number in range(1, recipe.steps + 1):
        losses.append(float(step(*sampler.draw())))
        if progress is not None and (number % every == 0 or number == recipe.steps):
            progress(number, float(np.mean(losses)))
            losses.clear()
    return model


def _training_step(model: Any, recipe: Recipe) -> Callable[..., Any]:
    import keras
    import tensorflow as tf

    schedule = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / 20,
        max(1, recipe.steps - recipe.steps // 10),
        alpha=0.01,
        warmup_target=recipe.learning_rate,
        warmup_steps=max(1, recipe.steps // 10),
    )
    optimiser = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimiser.build(model.trainable_variables)

    def step(tensors: Any, labels: Any, maps: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = model(tensors, training=True)
            loss = _loss(outputs, labels, maps, recipe)
        optimiser.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return loss

    return tf.function(step, autograph=False)  # type: ignore[no-any-return]


def _loss(outputs: Any, labels: Any, maps: Any, recipe: Recipe) -> Any:
    import keras
    import tensorflow as tf

    score, lesion = outputs if isinstance(outputs, (list, tuple)) else (outputs, None)
    loss = tf.reduce_mean(keras.losses.binary_crossentropy(labels, score))
    if lesion is None:
        return loss
    target = tf.minimum(maps * 2, 1.0)  # a cell half full of blood is a lesion
    each = tf.nn.sigmoid_cross_entropy_with_logits(target, lesion)
    return loss + recipe.mask_weight * tf.reduce_mean(each * (1 + (recipe.lesion_weight - 1) * target))


def predict(model: Any, tensors: NDArray[np.floating], batch: int = 128) -> NDArray[np.float32]:
    """Return scores (n, labels)."""
    parts = []
    for start in range(0, len(tensors), batch):
        outputs = model(tensors[start : start + batch].astype(np.float32), training=False)
        parts.append(np.asarray(outputs[0] if isinstance(outputs, (list, tuple)) else outputs))
    return np.concatenate(parts)
