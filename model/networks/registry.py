"""Builds networks by name, and cuts out of a trained one what a bundle ships."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from hounsfield.model.networks.backbone import build_backbone
from hounsfield.model.networks.classic import build_classic
from hounsfield.model.networks.compact import build_compact
from hounsfield.model.networks.layers import FEATURES, SCORE
from hounsfield.model.networks.spec import NetworkSpec

Builder = Callable[[NetworkSpec], Any]

BUILDERS: Mapping[str, Builder] = MappingProxyType({"compact": build_compact, "classic": build_classic})


def build_network(spec: NetworkSpec) -> Any:
    """Return a ``keras.Model`` with layers named ``features`` and ``score`` and, if asked for, one named ``mask``.

    Raises ValueError for a shape that the network cannot take, BundleError for weights that cannot be used.
    """
    builder = BUILDERS.get(spec.name, build_backbone)
    model = builder(spec)
    if spec.weights is not None:
        from hounsfield.model.networks.starting import start_from

        start_from(model, spec.weights)
    return model


def export_scores(model: Any) -> Any:
    """Return the ``keras.Model`` that a bundle ships: the same weights, only the score as output."""
    import keras

    return keras.Model(model.input, model.get_layer(SCORE).output, name=model.name)


def export_encoder(model: Any) -> Any:
    """Return the ``keras.Model`` that makes a vector of each slice, for a bundle whose sequence network scores them."""
    import keras

    return keras.Model(model.input, model.get_layer(FEATURES).output, name=model.name)
