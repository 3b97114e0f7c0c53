"""Tiny networks for tests, the same at each call, and how each engine's bundle stores them."""

from pathlib import Path
from typing import Any

from support.bundles import SIDE
from support.onnx_models import onnx_bytes, onnx_sequence_bytes

from hounsfield.model.runtime import tensorflow

STORED = ("keras", "saved_model", "onnx", "onnx, channels first", "onnx, batch of one")
IN_TWO = ("keras", "onnx")
"""How a bundle with a sequence network may be stored."""


def slice_network(outputs: int = 1, activation: str = "sigmoid", channels: int = 1, side: int = SIDE) -> Any:
    """Build an untrained model of about 60 parameters."""
    tensorflow()
    import keras

    keras.utils.set_random_seed(7)
    inputs = keras.Input((side, side, channels))
    inner = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(inputs)
    inner = keras.layers.GlobalMaxPooling2D()(inner)
    return keras.Model(inputs, keras.layers.Dense(outputs, activation=activation)(inner))


def encoder(width: int = 4) -> Any:
    """Build the first half of a sequence bundle: a slice becomes a vector."""
    return slice_network(width, "relu")


def sequence_network(labels: int = 1, width: int = 4) -> Any:
    """Build the second half."""
    tensorflow()
    import keras

    from hounsfield.model.networks.sequence import build_sequence

    keras.utils.set_random_seed(8)
    return build_sequence(width, labels, units=3)


def store(folder: Path, stored: str, model: Any, sequence: Any = None) -> None:
    """Write a model into the folder of a bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    if stored == "keras":
        model.save(folder / "model.keras")
        if sequence is not None:
            sequence.save(folder / "sequence.keras")
    elif stored == "saved_model":
        model.export(folder / "saved_model", verbose=False)
    else:
        one = 1 if stored.endswith("one") else "n"
        (folder / "model.onnx").write_bytes(onnx_bytes(model, channels_first="first" in stored, batch=one))
        if sequence is not None:
            (folder / "sequence.onnx").write_bytes(onnx_sequence_bytes(sequence))
