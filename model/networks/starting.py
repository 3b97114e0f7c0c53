"""Starts a network from the weights of a file: trained before, or a backbone saved by its author."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.bundle_guard import KERAS_FILE, inspect
from hounsfield.model.errors import BundleError
from hounsfield.model.networks.layers import FEATURES, MASK, SCORE

HEAD = frozenset({FEATURES, SCORE, MASK})


def start_from(model: Any, file: Path) -> None:
    """Copy the weights of a ``.keras`` file into ``model``, layer by layer in their order, but not the head.

    The first convolution may have another number of channels: then each of its kernels becomes their mean, scaled so
    that a grey image has the same answer. Raises BundleError for a file that is not plain data or does not fit.
    """
    theirs = [layer for layer in _weighted(_load(file)) if layer.name not in HEAD]
    ours = [layer for layer in _weighted(model) if layer.name not in HEAD]
    if len(theirs) < len(ours):
        raise BundleError(f"{file}: has {len(theirs)} layers with weights, {model.name} needs {len(ours)}")
    for own, other in zip(ours, theirs, strict=False):
        old = other.get_weights()
        new = [_fitted(values, tuple(weight.shape)) for values, weight in zip(old, own.weights, strict=False)]
        if len(old) != len(own.weights) or any(values is None for values in new):
            raise BundleError(f"{file}: its layer {other.name} does not fit the layer {own.name} of {model.name}")
        own.set_weights(new)


def _load(file: Path) -> Any:
    import keras

    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / KERAS_FILE
        try:
            shutil.copyfile(file, copy)
        except OSError as error:
            raise BundleError(f"{file}: cannot be read ({error.strerror})") from error
        if problems := list(inspect(copy.parent, [KERAS_FILE])):
            raise BundleError(f"{file}: {problems[0].message}")
        try:
            return keras.saving.load_model(copy, compile=False, safe_mode=True)
        except (ValueError, TypeError, KeyError, AttributeError, ImportError, OSError) as error:
            raise BundleError(f"{file}: does not load ({type(error).__name__})") from error


def _weighted(model: Any) -> list[Any]:
    """Return all layers with weights of their own, those of a model inside the model in its place."""
    found = []
    for layer in model.layers:
        inner = getattr(layer, "layers", None)
        found += _weighted(layer) if inner else [layer] if layer.weights else []
    return found


def _fitted(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any] | None:
    if values.shape == shape:
        return values
    if values.ndim == 4 and len(shape) == 4 and (*values.shape[:2], values.shape[3]) == (*shape[:2], shape[3]):
        mean = values.mean(axis=2, keepdims=True) * (values.shape[2] / shape[2])
        return np.repeat(mean, shape[2], axis=2)
    if values.ndim == 1 and len(shape) == 1:  # mean and variance of what a backbone normalises first
        return np.full(shape, values.mean(), values.dtype)
    return None
