"""Networks of ``keras.applications`` by name, with any number of channels, under our own head."""

import inspect
from typing import TYPE_CHECKING, Any

from hounsfield.model.networks.layers import FEATURES, score_layer

if TYPE_CHECKING:
    from hounsfield.model.networks.registry import NetworkSpec

BACKBONES = (
    "ConvNeXtTiny",
    "ConvNeXtSmall",
    "ConvNeXtBase",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2S",
    "EfficientNetV2M",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "VGG16",
    "VGG19",
    "Xception",
)
_DIVIDES_BY_255 = ("EfficientNetB",)
"""They scale grey values of 8 bits themselves, and that cannot be switched off."""


def build_backbone(spec: "NetworkSpec") -> Any:
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
