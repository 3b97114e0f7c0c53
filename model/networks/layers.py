"""What every network has in common: the names of its layers, and the one that scores."""

from typing import Any

from hounsfield.model.networks.spec import NetworkSpec

SCORE = "score"
"""Name of the output layer with one sigmoid per label, or the softmax over none and the labels."""
FEATURES = "features"
"""Name of the layer whose output describes a slice: what a sequence network reads."""
MASK = "mask"
"""Name of the optional output layer with lesion logits, for training only."""


def score_layer(spec: NetworkSpec) -> Any:
    """Return the last layer.

    It computes in float32 also where the network computes in half the precision: the loss needs the small differences.
    """
    from keras import layers

    return layers.Dense(spec.columns, activation=spec.activation, dtype="float32", name=SCORE)
