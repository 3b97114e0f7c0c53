"""How figures are written: the same in tables, cards and reports, and never as NaN."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from math import isfinite

import numpy as np

from hounsfield.model.evaluate.metrics import Estimate

NOT_DEFINED = "not defined"


def words(value: Estimate | float | int | str | None, *, signed: bool = False) -> str:
    """Return a figure as text: three decimals, its 95 % interval in brackets, "not defined" for None."""
    match value:
        case None:
            return NOT_DEFINED
        case str():
            return value
        case int():
            return str(value)
        case float():
            return _decimals(value, signed)
        case Estimate():
            middle = _decimals(value.value, signed)
            if not (isfinite(value.low) and isfinite(value.high)):
                return f"{middle} (no interval)"
            return f"{middle} ({_decimals(value.low, signed)} to {_decimals(value.high, signed)})"


def _decimals(value: float, signed: bool) -> str:
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def threshold_words(threshold: float | None) -> str:
    """Return a threshold with all the decimals it has."""
    return NOT_DEFINED if threshold is None else f"{threshold:.9g}"


def plain(value: object) -> object:
    """Return a tree of figures as JSON can hold it: what is not defined is null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return float(value) if isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def triple(value: Estimate | None) -> list[float] | None:
    """Return [value, low, high] as a manifest holds them, [value] without an interval, None if not defined."""
    if value is None:
        return None
    return value.rounded() if isfinite(value.low) and isfinite(value.high) else [round(value.value, 4)]
