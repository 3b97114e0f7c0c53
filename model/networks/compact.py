"""About 120 000 parameters at width 1: strided residual blocks, lesion maps at a quarter of the input's resolution."""

from typing import Any

from hounsfield.model.networks.layers import FEATURES, MASK, score_layer
from hounsfield.model.networks.spec import NetworkSpec

WIDTHS = (16, 32, 56)


def build_compact(spec: NetworkSpec) -> Any:
    """Return the network; rows and columns of the input must be multiples of eight."""
    import keras
    from keras import layers

    if spec.shape[0] % 8 or spec.shape[1] % 8:
        raise ValueError("compact: rows and columns of the input must be multiples of 8")
    first, middle, last = (round(filters * spec.width / 4) * 4 for filters in WIDTHS)
    image = keras.Input(spec.shape, name="image")
    stem = _convolution(image, first, spec, strides=2)
    fine = _residual(_residual(stem, middle, spec, strides=2), middle, spec)
    coarse = _residual(fine, last, spec, strides=2)
    coarse = layers.add([coarse, _convolution(coarse, last, spec)])
    context = layers.UpSampling2D(2)(_convolution(coarse, middle, spec, size=1))
    both = _convolution(layers.add([fine, context]), 24, spec)
    pooled = [layers.GlobalAveragePooling2D()(coarse), layers.GlobalMaxPooling2D()(both)]
    outputs: list[Any] = []
    if spec.mask_head:
        mask = layers.Conv2D(spec.maps, 1, name=MASK)(both)
        outputs.append(mask)
        pooled += [
            layers.GlobalMaxPooling2D()(mask),
            layers.GlobalAveragePooling2D()(layers.Activation("sigmoid")(mask)),
        ]
    features = layers.Dense(32, activation="relu", name=FEATURES)(layers.concatenate(pooled))
    features = layers.Dropout(spec.dropout)(features)
    score = score_layer(spec)(features)
    return keras.Model(image, [score, *outputs] if outputs else score, name="compact")


def _convolution(x: Any, filters: int, spec: NetworkSpec, *, size: int = 3, strides: int = 1) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
    return layers.Activation("relu")(layers.BatchNormalization(momentum=spec.momentum)(x))


def _residual(x: Any, filters: int, spec: NetworkSpec, *, strides: int = 1) -> Any:
    from keras import layers

    inner = _convolution(x, filters, spec, strides=strides)
    inner = layers.Conv2D(filters, 3, padding="same", use_bias=False)(inner)
    inner = layers.BatchNormalization(momentum=spec.momentum)(inner)
    if strides != 1 or x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        x = layers.BatchNormalization(momentum=spec.momentum)(x)
    return layers.Activation("relu")(layers.add([inner, x]))
