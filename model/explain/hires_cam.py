"""HiResCAM (Draelos and Carin, 2020): gradient times activation at maps of a Keras model, summed over channels.

A convolutional network reduces its last maps to numbers - pools or flattens them - and weighs those into a score.
Gradient times activation distributes the log odds over places; where what follows the maps is piecewise linear
(pooling, dense layers with ReLU), exactly, up to a constant. Grad-CAM averages the gradient over each map first, and
then shows places that the score does not rest on: with maximum pooling, most of them.

A network may reduce several maps side by side, as ``compact`` does; then all of them count. Convolutions on the grid of
the last maps carry evidence from one cell to the next, and a network may well answer "a lesion ends here" in the cell
beside it: so the maps taken are the first on that grid that everything later is made from, if there is such a one.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain.attribution import explaining
from hounsfield.model.explain.heatmap import Heat
from hounsfield.model.explain.target import Target, arguments
from hounsfield.model.predictor import Predictor
from hounsfield.model.runtime import tensorflow
from hounsfield.model.series_scores import InSequence

_METHOD: Final = "HiResCAM"


@dataclass(frozen=True, slots=True)
class HiResCam:
    """Gradient times activation at the maps that the score is made from."""

    maps: Any
    """tf.function: (1, rows, columns, channels), rows of the series and place -> one (1, rows, columns) per map."""
    method: str = _METHOD

    @classmethod
    def of(cls, predictor: Predictor) -> "HiResCam":
        """Split a model at these maps. Raises ExplanationError if it has none, or is no Keras model."""
        if predictor.model is None or predictor.model.keras is None:
            raise ExplanationError("HiResCAM needs a Keras model")
        with explaining(_METHOD):
            return cls(_function(predictor.model.keras, predictor))

    def heat(self, tensor: NDArray[np.float32], among: InSequence | None = None) -> Heat:
        """Sum the maps, the finest deciding the grid; each keeps its sum when it is stretched."""
        with explaining(self.method):
            maps = [np.asarray(one)[0] for one in self.maps(tensor[None], *arguments(among))]
        rows, columns = max(one.shape[0] for one in maps), max(one.shape[1] for one in maps)
        return np.asarray(np.sum([_stretched(one, rows, columns) for one in maps], axis=0), np.float32)


def _function(model: Any, predictor: Predictor) -> Any:
    import keras

    tf = tensorflow()
    target = Target.of(predictor)
    seen_at = attributed_maps(model)
    features, odds = _odds(model, target)
    body, head = keras.Model(model.inputs, seen_at), keras.Model(seen_at, features)

    def maps(image: Any, rows: Any, place: Any) -> Any:
        with tf.device(target.model.device):
            seen = _several(body(image, training=False))
            with tf.GradientTape() as tape:
                tape.watch(seen)
                answer = odds(head(seen, training=False), rows, place)
            slopes = tape.gradient(answer, seen, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return [tf.reduce_sum(one * slope, -1) for one, slope in zip(seen, slopes, strict=True)]

    signature = [tf.TensorSpec((1, *predictor.bundle.manifest.input.shape), tf.float32), *target.signature]
    return tf.function(maps, input_signature=signature, autograph=False)


def attributed_maps(model: Any) -> list[Any]:
    """Return the first tensor on the grid of the finest last map that all of them are made from, else the last maps.

    Raises ExplanationError for a model without maps.
    """
    last = last_maps(model)
    grid = max((tuple(one.shape[1:3]) for one in last), key=lambda sides: sides[0] * sides[1])
    made = [tensor for layer in model.layers if layer.output is not layer.input for tensor in _several(layer.output)]
    on_grid = (one for one in made if _is_map(one) and tuple(one.shape[1:3]) == grid)
    return next(([one] for one in on_grid if _leads_to(one, last)), last)


def _leads_to(tensor: Any, others: list[Any]) -> bool:
    """Whether a tensor is all that is needed to compute the others."""
    import keras

    try:
        keras.Model(tensor, others)
    except ValueError:
        return False
    return True


def last_maps(model: Any) -> list[Any]:
    """Return the tensors (rows, columns, channels) that layers without any map after them read.

    Not those that a squeeze-and-excitation block reads on the way: its answer goes back into maps. Raises
    ExplanationError for a model without maps.
    """
    layers = [layer for layer in model.layers if layer.output is not layer.input]
    reads = {layer.name: _several(layer.input) for layer in layers}
    makes = {layer.name: _several(layer.output) for layer in layers}
    before_maps: dict[str, bool] = {}
    for layer in reversed(layers):  # Keras keeps them in the order in which they can be computed
        after = [other for other in layers if _share(makes[layer.name], reads[other.name])]
        before_maps[layer.name] = any(
            any(map(_is_map, makes[other.name])) or before_maps.get(other.name, True) for other in after
        )
    found: list[Any] = []
    for layer in layers:
        if not before_maps[layer.name] and not any(map(_is_map, makes[layer.name])):
            found += [one for one in reads[layer.name] if _is_map(one) and not _share([one], found)]
    if not found:
        raise ExplanationError("the model has no maps of rows and columns")
    return found


def _odds(model: Any, target: Target) -> tuple[Any, Any]:
    """Return the tensor to stop at, and what makes log odds of it: before the sigmoid or softmax if there is one."""
    if target.model.sequence is not None:
        return model.outputs[0], target.odds
    tf = tensorflow()
    last = model.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "")
    if type(last).__name__ != "Dense" or last.output is not model.outputs[0] or activation not in _BEFORE:
        return model.outputs[0], target.odds

    def before(features: Any, *_: Any) -> Any:
        values = tf.matmul(features, last.kernel)
        values = values if last.bias is None else values + last.bias
        return _BEFORE[activation](tf, values, target.column)

    return last.input, before


def _sigmoid(_: Any, values: Any, column: int) -> Any:
    return values[:, column]


def _softmax(tf: Any, values: Any, column: int) -> Any:
    others = tf.concat([values[:, :column], values[:, column + 1 :]], -1)
    return values[:, column] - tf.reduce_logsumexp(others, -1)


_BEFORE = {"sigmoid": _sigmoid, "softmax": _softmax}


def _stretched(heat: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    import cv2

    share = heat.size / (rows * columns)
    return np.asarray(cv2.resize(heat, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32) * share


def _is_map(tensor: Any) -> bool:
    return len(tensor.shape) == 4 and min(side or 0 for side in tensor.shape[1:3]) > 1


def _several(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _share(some: list[Any], others: list[Any]) -> bool:
    return any(one is other for one in some for other in others)
