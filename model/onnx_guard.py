"""Looks into an ONNX file before ONNX Runtime does, without a library: what reads other files or runs other code.

An ONNX model is a protocol buffer (onnx.proto3 of the ONNX project, "ONNX IR specification"). Its operators are fixed
by the standard, except those of other domains; its weights may lie in other files. Both are refused.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LARGEST_BYTES = (1 << 31) - 1
"""A protocol buffer is never larger."""
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1
_MOST_SHOWN = 8

_GRAPHS = {
    # what stands in a message, by field number: the kind of message there
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_TRAINING_INFO = 20
_OP_TYPE, _DOMAIN = 4, 7
_FUNCTION_NAME, _FUNCTION_DOMAIN = 1, 10
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


class _Field(NamedTuple):
    number: int
    value: int | memoryview


def refusals(path: Path) -> Iterator[str]:
    """Say what is wrong with an ONNX file; nothing for one that is taken."""
    if path.stat().st_size > LARGEST_BYTES:
        yield f"is larger than {LARGEST_BYTES} bytes"
        return
    try:
        found = sorted(set(_refused(memoryview(path.read_bytes()))))
    except (ValueError, UnicodeDecodeError):
        yield "is not an ONNX model"
        return
    yield from found[:_MOST_SHOWN]


def _refused(model: memoryview) -> Iterator[str]:
    """Walk all messages without recursion (depth is the author's). Raises ValueError for what is no ONNX model."""
    top = list(_fields(model))
    if not any(field.number == 7 for field in top):
        raise ValueError("no graph")
    if any(field.number == _TRAINING_INFO for field in top):
        yield "holds training_info, which is refused: a bundle holds what scores, not what trains"
    own = {_function(field) for field in top if field.number == 25}
    waiting: list[tuple[str, list[_Field]]] = [("model", top)]
    while waiting:
        kind, fields = waiting.pop()
        if kind == "node" and (words := _foreign(fields, own)):
            yield words
        if kind == "tensor" and _is_external(fields):
            yield "holds weights in other files (external data), which is refused: save them into the model itself"
        for field in fields:
            inner = _GRAPHS[kind].get(field.number)
            if inner is not None:
                waiting.append((inner, list(_fields(_message(field)))))


def _foreign(node: list[_Field], own: set[tuple[str, str]]) -> str | None:
    domain, name = _text(node, _DOMAIN), _text(node, _OP_TYPE)
    if domain in _DOMAINS or (domain, name) in own:
        return None
    return f"holds the operator {name[:64]!r} of domain {domain[:64]!r}; allowed: operators of ONNX itself"


def _function(field: _Field) -> tuple[str, str]:
    fields = list(_fields(_message(field)))
    return _text(fields, _FUNCTION_DOMAIN), _text(fields, _FUNCTION_NAME)


def _is_external(tensor: list[_Field]) -> bool:
    return any(
        field.number == _EXTERNAL_DATA or (field.number == _DATA_LOCATION and field.value == _EXTERNAL)
        for field in tensor
    )


def _text(fields: list[_Field], number: int) -> str:
    """Return a text of a message; of several the last, as protocol buffers have it."""
    found = [bytes(_message(field)).decode() for field in fields if field.number == number]
    return found[-1] if found else ""


def _message(field: _Field) -> memoryview:
    if isinstance(field.value, int):
        raise ValueError("a number where a message stands")
    return field.value


def _fields(content: memoryview) -> Iterator[_Field]:
    """Yield the fields of one message. Raises ValueError where it is cut off or of another format."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError("field 0")
        if wire == _VARINT:
            value, at = _varint(content, at)
            yield _Field(number, value)
            continue
        if wire == _BYTES:
            length, at = _varint(content, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(content):
            raise ValueError("cut off")
        yield _Field(number, content[at : at + length])
        at += length


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            raise ValueError("cut off")
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")
