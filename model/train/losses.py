"""Losses whose weights say what is known: a sum over a batch, so that devices may share one."""

from collections.abc import Callable
from typing import Any

Loss = Callable[..., Any]
_SMALLEST = 1e-7


def slice_loss(*, softmax: bool, mask_weight: float, lesion_weight: float) -> Loss:
    """Return the loss of a slice network: ``loss(outputs, maps, truth, weight, bag_truth, bag_weight, share)``.

    Arrays as in :class:`hounsfield.model.train.batches.Batch`; ``outputs`` is the score, or score and lesion logits.
    ``share``: 1 over the number of devices, for the mean over lesion maps.
    """

    def loss(outputs: Any, maps: Any, truth: Any, weight: Any, bag_truth: Any, bag_weight: Any, share: float) -> Any:
        import tensorflow as tf

        score, lesion = outputs if isinstance(outputs, (list, tuple)) else (outputs, None)
        score = tf.clip_by_value(tf.cast(score, tf.float32), _SMALLEST, 1 - _SMALLEST)
        total = _cross_entropy(score, truth, weight, softmax=softmax)
        if bag_truth.shape[0]:
            highest = tf.reduce_max(tf.reshape(score, (bag_truth.shape[0], -1, score.shape[1])), axis=1)
            total += _cross_entropy(highest, bag_truth, bag_weight, softmax=False)
        if lesion is not None and mask_weight:
            total += mask_weight * share * _map_loss(tf.cast(lesion, tf.float32), maps, lesion_weight)
        return total

    return loss


def series_loss(series_weight: float) -> Loss:
    """Return the loss of a sequence network on one series: outputs (1, n, L) and (1, L), truth and weights alike."""

    def loss(outputs: Any, truth: Any, weight: Any, series_truth: Any, series_weights: Any) -> Any:
        import tensorflow as tf

        slices, series = (tf.clip_by_value(one, _SMALLEST, 1 - _SMALLEST) for one in outputs)
        of_series = _cross_entropy(series[0], series_truth, series_weights, softmax=False)
        return _cross_entropy(slices[0], truth, weight, softmax=False) + series_weight * of_series

    return loss


def _cross_entropy(score: Any, truth: Any, weight: Any, *, softmax: bool) -> Any:
    import tensorflow as tf

    logs = truth * tf.math.log(score)
    if not softmax:
        logs += (1 - truth) * tf.math.log1p(-score)
    return -tf.reduce_sum(weight * logs)


def _map_loss(lesion: Any, maps: Any, lesion_weight: float) -> Any:
    import tensorflow as tf

    target = tf.clip_by_value(maps * 2, 0.0, 1.0)  # a cell half full of blood is a lesion
    each = tf.nn.sigmoid_cross_entropy_with_logits(target, lesion)
    return tf.reduce_mean(each * (1 + (lesion_weight - 1) * target))
