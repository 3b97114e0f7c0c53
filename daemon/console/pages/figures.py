"""The figures of a bundle's manifest as a table: one column for each set of cases that they were measured on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hounsfield.daemon.verdict_texts import evidence_text, label_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Rows have a name and a cell for each of the ``sets``; empty where a set has no such figure."""

    sets: tuple[str, ...]
    """The empty name stands for figures that belong to no set."""
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def figures(metrics: Mapping[str, object]) -> Figures:
    """Return ``provenance.metrics`` as a table. Authors may write there what they like."""
    found: dict[str, dict[str, str]] = {}
    for name, value in metrics.items():
        members = value.items() if isinstance(value, Mapping) else [(name, value)]
        group = found.setdefault(label_of(name) if isinstance(value, Mapping) else "", {})
        group.update({label_of(str(key)): _text(one) for key, one in members})
    names = dict.fromkeys(name for group in found.values() for name in group)
    rows = ((name, tuple(group.get(name, "") for group in found.values())) for name in names)
    return Figures(sets=tuple(found), rows=tuple(rows))


def _text(value: object) -> str:
    """Three numbers with a fraction are a value with its interval; three whole ones are a list, of seeds or sizes."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Sequence) and not isinstance(value, str) and _is_interval(value):
        middle, low, high = (f"{one:.4g}" for one in value)
        return f"{middle} ({low} to {high})"
    return evidence_text(value)


def _is_interval(value: Sequence[object]) -> bool:
    are_numbers = all(isinstance(one, float | int) for one in value)
    return len(value) == 3 and are_numbers and any(isinstance(one, float) for one in value)
