"""ONNX files from the weights of Keras models, for tests and benchmarks: the layers that our own networks have.

Maps are (batch, channels, rows, columns) inside, as PyTorch exports them; the input is transposed first unless it is
wanted so. Equal numbers are expected up to rounding.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET = 18


class _Graph:
    """Nodes and constants of a graph under construction; names are counted."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name


def onnx_bytes(model: Any, *, channels_first: bool = False, batch: int | str = "n") -> bytes:
    """Return a Keras model of one image as ONNX: from (batch, rows, columns, channels) to its one output."""
    rows, columns, channels = model.input.shape[1:]
    shape = (batch, channels, rows, columns) if channels_first else (batch, rows, columns, channels)
    graph = _Graph()
    start = "image" if channels_first else graph.add("Transpose", "image", perm=[0, 3, 1, 2])
    (answer,) = _walk(model, graph, start)
    return _model(graph, ("image", shape), {"score": answer}, {"score": (batch, *model.output.shape[1:])})


def onnx_sequence_bytes(model: Any) -> bytes:
    """Return a sequence network of ours as ONNX."""
    graph = _Graph()
    slices, series = _walk(model, graph, "vectors")
    labels = model.outputs[0].shape[-1]
    return _model(
        graph,
        ("vectors", (1, "m", model.input.shape[-1])),
        {"slices": slices, "series": series},
        {"slices": (1, "m", labels), "series": (1, labels)},
    )


def _model(graph: _Graph, start: tuple[str, Any], answers: dict[str, str], shapes: dict[str, Any]) -> bytes:
    for name, inner in answers.items():
        graph.nodes.append(helper.make_node("Identity", [inner], [name]))
    inputs = [helper.make_tensor_value_info(start[0], TensorProto.FLOAT, start[1])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in answers]
    made = helper.make_graph(graph.nodes, "model", inputs, outputs, graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _walk(model: Any, graph: _Graph, start: str) -> list[str]:
    names = {id(model.input): start}
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            continue
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        names[id(layer.output)] = _LAYERS[kind](layer, graph, *(names[id(one)] for one in given))
    return [names[id(one)] for one in model.outputs]


def _activated(activation: Any, graph: _Graph, x: str) -> str:
    name = activation.__name__
    if name == "softmax":
        return graph.add("Softmax", x, axis=-1)
    return x if name == "linear" else graph.add({"relu": "Relu", "sigmoid": "Sigmoid"}[name], x)


def _convolution(layer: Any, graph: _Graph, x: str) -> str:
    kernel, *bias = layer.get_weights()
    weights = [graph.constant(kernel.transpose(3, 2, 0, 1)), *(graph.constant(one) for one in bias)]
    pad = {"same": "SAME_UPPER", "valid": "VALID"}[layer.padding]
    return _activated(layer.activation, graph, graph.add("Conv", x, *weights, strides=layer.strides, auto_pad=pad))


def _normalisation(layer: Any, graph: _Graph, x: str) -> str:
    numbers = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    constants = [graph.constant(np.asarray(one)) for one in numbers]
    return graph.add("BatchNormalization", x, *constants, epsilon=layer.epsilon)


def _dense(layer: Any, graph: _Graph, x: str) -> str:
    kernel, *bias = layer.get_weights()
    x = graph.add("MatMul", x, graph.constant(kernel))
    for one in bias:
        x = graph.add("Add", x, graph.constant(one))
    return _activated(layer.activation, graph, x)


def _larger(layer: Any, graph: _Graph, x: str) -> str:
    scales = graph.constant([1.0, 1.0, *layer.size])
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", x, "", scales, **how)


def _reduced(kind: str, *axes: int) -> Callable[..., str]:
    def reduced(_: Any, graph: _Graph, x: str) -> str:
        return graph.add(kind, x, graph.constant(axes, np.int64), keepdims=0)

    return reduced


def _flat(_: Any, graph: _Graph, x: str) -> str:
    return graph.add("Flatten", graph.add("Transpose", x, perm=[0, 2, 3, 1]))


def _joined(layer: Any, graph: _Graph, *given: str) -> str:
    return graph.add("Concat", *given, axis=1 if len(layer.output.shape) == 4 else -1)


def _rescaled(layer: Any, graph: _Graph, x: str) -> str:
    scaled = graph.add("Mul", x, graph.constant(layer.scale))
    return graph.add("Add", scaled, graph.constant(layer.offset))


def _both_ways(layer: Any, graph: _Graph, x: str) -> str:
    """A bidirectional GRU, the reset gate after the product as Keras has it: (1, m, d) -> (1, m, 2 units)."""
    ways = [one.cell for one in (layer.forward_layer, layer.backward_layer)]
    kernel, recurrent, bias = (
        np.stack([np.asarray(getattr(cell, name)) for cell in ways]) for name in ("kernel", "recurrent_kernel", "bias")
    )
    weights = kernel.transpose(0, 2, 1), recurrent.transpose(0, 2, 1), bias.reshape(2, -1)
    turned = graph.add("Transpose", x, perm=[1, 0, 2])
    cell = {"hidden_size": ways[0].units, "linear_before_reset": 1, "direction": "bidirectional"}
    out = graph.add("GRU", turned, *(graph.constant(one) for one in weights), **cell)
    together = graph.constant([1, -1, 2 * ways[0].units], np.int64)
    return graph.add("Reshape", graph.add("Transpose", out, perm=[2, 0, 1, 3]), together)


_LAYERS: dict[str, Callable[..., str]] = {
    "Activation": lambda layer, graph, x: _activated(layer.activation, graph, x),
    "Add": lambda _, graph, *given: graph.add("Add", *given),
    "BatchNormalization": _normalisation,
    "Bidirectional": _both_ways,
    "Concatenate": _joined,
    "Conv2D": _convolution,
    "Dense": _dense,
    "Dropout": lambda _, graph, x: graph.add("Identity", x),
    "Flatten": _flat,
    "GlobalAveragePooling1D": _reduced("ReduceMean", 1),
    "GlobalAveragePooling2D": _reduced("ReduceMean", 2, 3),
    "GlobalMaxPooling1D": _reduced("ReduceMax", 1),
    "GlobalMaxPooling2D": _reduced("ReduceMax", 2, 3),
    "MaxPooling2D": lambda layer, graph, x: graph.add(
        "MaxPool", x, kernel_shape=layer.pool_size, strides=layer.strides
    ),
    "Rescaling": _rescaled,
    "UpSampling2D": _larger,
}
