"""A Keras model that computes in half precision: the same layers and weights under another policy of types."""

from typing import Any

from hounsfield.model.engines.engine import Precision


def in_mixed_precision(model: Any) -> Any:
    """Return a copy of a functional or sequential ``keras.Model`` whose layers compute in float16.

    Weights and the last layer, which makes the scores, stay float32. Raises ValueError or TypeError for a model that
    cannot be built anew from its configuration.
    """
    import keras

    last = {layer.name for layer in model.layers[-1:]}
    config = _with_policy(model.get_config(), last)
    copy = type(model).from_config(config)
    copy.set_weights(model.get_weights())
    outputs = [keras.ops.cast(one, "float32") for one in copy.outputs]
    return keras.Model(copy.input, outputs[0] if len(outputs) == 1 else outputs)


def _with_policy(node: Any, kept: set[str]) -> Any:
    """Return a configuration in which every layer but those named ``kept`` has the mixed policy."""
    if isinstance(node, list | tuple):
        return type(node)(_with_policy(one, kept) for one in node)
    if not isinstance(node, dict):
        return node
    if node.get("class_name") == "DTypePolicy":
        return {**node, "config": {"name": Precision.MIXED_FLOAT16.value}}
    if node.get("class_name") == "InputLayer" or (isinstance(node.get("config"), dict) and _name(node) in kept):
        return node
    return {key: _with_policy(value, kept) for key, value in node.items()}


def _name(node: dict[str, Any]) -> Any:
    return node["config"].get("name")
