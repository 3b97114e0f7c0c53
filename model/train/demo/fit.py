"""The first half: a network that makes a vector of each slice, trained on the kinds of haemorrhage and where they lie.

Bit-equal for one seed on one machine: batches come from one thread and one generator, operations are deterministic.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.prepared import Prepared
from hounsfield.model.networks import build_network
from hounsfield.model.train.demo.recipe import Recipe
from hounsfield.model.train.demo.sampler import Batch, Sampler

Progress = Callable[[int, float], None]
"""Called with the number of steps done and the mean loss since the last call."""


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


def train_encoder(data: Prepared, recipe: Recipe, progress: Progress | None = None, every: int = 100) -> Any:
    """Return the trained ``keras.Model`` with scores and lesion maps. Call :func:`settle` first."""
    model = build_network(recipe.network)
    step = _training_step(model, recipe)
    losses: list[float] = []
    for number, batch in enumerate(Sampler(data, recipe.batch, recipe.seed).ahead(recipe.steps), 1):
        losses.append(float(step(*_known(batch))))
        if progress is not None and (number % every == 0 or number == recipe.steps):
            progress(number, float(np.mean(losses)))
            losses.clear()
    return model


def one_cycle(rate: float, steps: int, weight_decay: float) -> Any:
    """Return AdamW whose rate rises during a tenth of the steps and falls along a cosine."""
    import keras

    warm = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 20, max(1, steps - warm), alpha=0.01, warmup_target=rate, warmup_steps=warm
    )
    return keras.optimizers.AdamW(schedule, weight_decay=weight_decay)


def masked_crossentropy(truth: Any, known: Any, scores: Any) -> Any:
    """Return the mean over what is known."""
    import tensorflow as tf

    scores = tf.clip_by_value(scores, 1e-6, 1 - 1e-6)
    each = -(truth * tf.math.log(scores) + (1 - truth) * tf.math.log(1 - scores))
    return tf.reduce_sum(each * known) / tf.maximum(tf.reduce_sum(known), 1.0)


def _known(batch: Batch) -> tuple[NDArray[np.float32], ...]:
    """Split NaN off: values and where they are known."""
    truth, maps = batch.truth, batch.maps
    return (
        batch.tensors,
        np.nan_to_num(truth),
        np.isfinite(truth).astype(np.float32),
        np.nan_to_num(maps),
        np.isfinite(maps).astype(np.float32),
    )


def _training_step(model: Any, recipe: Recipe) -> Callable[..., Any]:
    import tensorflow as tf

    optimiser = one_cycle(recipe.learning_rate, recipe.steps, recipe.weight_decay)
    optimiser.build(model.trainable_variables)

    def step(tensors: Any, truth: Any, known: Any, maps: Any, maps_known: Any) -> Any:
        with tf.GradientTape() as tape:
            score, lesion = model(tensors, training=True)
            loss = masked_crossentropy(truth, known, score) + recipe.mask_weight * _map_loss(
                lesion, maps, maps_known, recipe.lesion_weight
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        optimiser.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return tf.function(step, autograph=False)  # type: ignore[no-any-return]


def _map_loss(lesion: Any, maps: Any, known: Any, lesion_weight: float) -> Any:
    import tensorflow as tf

    target = tf.minimum(maps * 2, 1.0)  # a cell half full of blood is a lesion
    each = tf.nn.sigmoid_cross_entropy_with_logits(target, lesion) * (1 + (lesion_weight - 1) * target)
    return tf.reduce_sum(each * known) / tf.reduce_sum(known)
