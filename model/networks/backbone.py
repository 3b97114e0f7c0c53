"""Networks of ``keras.applications`` by name, with any number of channels, under our own head."""

import inspect
from typing import Any

from hounsfield.model.networks.layers import FEATURES, score_layer
from hounsfield.model.networks.spec import NetworkSpec

_DIVIDES_BY_255 = ("EfficientNetB",)
"""They scale grey values of 8 bits themselves, and that cannot be switched off."""


def build_backbone(spec: NetworkSpec) -> Any:
    """Return the network with the pooled last map as ``features``. It starts from random weights.

    Raises ValueError for a shape that is too small for it.
    """
    import keras
    from keras import layers

    build = getattr(keras.applications, spec.name)
    own = {"include_preprocessing": False} if "include_preprocessing" in inspect.signature(build).parameters else {}
    image = x = keras.Input(spec.shape, name="image")
    if spec.name.startswith(_DIVIDES_BY_255):
        x = layers.Rescaling(255.0, name="grey")(x)
    base = build(include_top=False, weights=None, input_tensor=x, input_shape=spec.shape, **own)
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = spec.momentum
    features = layers.GlobalAveragePooling2D(name=FEATURES)(base.output)
    return keras.Model(image, score_layer(spec)(layers.Dropout(spec.dropout)(features)), name=spec.name.lower())
