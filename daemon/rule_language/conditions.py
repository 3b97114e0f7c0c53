"""Conditions of a rule on one DICOM attribute, as they stand under ``where`` in a ``[[rule]]``. Pure.

An image may have several values of an attribute, such as Image Type: it meets a condition when one of its values does.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hounsfield.daemon.rule_language.patterns import LONGEST_PATTERN, PATTERN_ALLOWED, found, pattern_problem
from hounsfield.daemon.rule_language.quoting import shown

if TYPE_CHECKING:
    from hounsfield.model.attributes import Attribute, Value, Values

_TABLE_KEYS = ("matches", "from", "to", "present", "not")


class BadCondition(ValueError):
    """A condition that cannot be used: what was given and why, and what is allowed."""

    def __init__(self, below: str, wrong: str, allowed: str) -> None:
        super().__init__(wrong)
        self.below = below
        """Where in the condition, as a dotted key below ``where``."""
        self.wrong = wrong
        self.allowed = allowed


class Condition(Protocol):
    """Asks the values of one attribute in one image. ``str`` says it in words."""

    def met(self, values: "Values") -> bool:
        """Whether an image with these values meets it."""


@dataclass(frozen=True, slots=True)
class Is:
    """One of the values is one of these: texts with their case, numbers as numbers."""

    wanted: "Values"

    def met(self, values: "Values") -> bool:
        """Whether an image with these values meets it."""
        return any(value in self.wanted for value in values)

    def __str__(self) -> str:
        words = ", ".join(shown(value) for value in self.wanted)
        return f"equal to {words}" if len(self.wanted) == 1 else f"one of {words}"


@dataclass(frozen=True, slots=True)
class Matches:
    """The regular expression is found in one of the values."""

    pattern: str

    def met(self, values: "Values") -> bool:
        """Whether an image with these values meets it."""
        return any(isinstance(value, str) and found(self.pattern, value) for value in values)

    def __str__(self) -> str:
        return f"matches {shown(self.pattern, LONGEST_PATTERN)}"


@dataclass(frozen=True, slots=True)
class Between:
    """One of the values is a number in this range, its ends included."""

    low: float | None
    high: float | None

    def met(self, values: "Values") -> bool:
        """Whether an image with these values meets it."""
        return any(isinstance(value, float) and self._holds(value) for value in values)

    def _holds(self, value: float) -> bool:
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        ends = ("from", self.low), ("to", self.high)
        return " ".join(f"{word} {shown(end)}" for word, end in ends if end is not None)


@dataclass(frozen=True, slots=True)
class Present:
    """There is a value that is not empty, or there is none."""

    wanted: bool

    def met(self, values: "Values") -> bool:
        """Whether an image with these values meets it."""
        return bool(values) is self.wanted

    def __str__(self) -> str:
        return "present" if self.wanted else "absent or empty"


@dataclass(frozen=True, slots=True)
class Not:
    """None of the values is so; met by an image without any value, too."""

    inner: Condition

    def met(self, values: "Values") -> bool:
        """Whether an image with these values meets it."""
        return not self.inner.met(values)

    def __str__(self) -> str:
        return f"not {self.inner}"


def parse_where(where: Mapping[str, object]) -> dict[str, Condition]:
    """Return the condition of each keyword of a ``where`` table; raise :class:`BadCondition`."""
    from hounsfield.model.attributes import UnknownAttribute, attribute

    conditions: dict[str, Condition] = {}
    for keyword, given in where.items():
        try:
            asked = attribute(keyword)
        except UnknownAttribute as error:
            allowed = "allowed are keywords of text and number attributes of the top level, such as SeriesDescription"
            raise BadCondition(keyword, str(error), allowed) from None
        conditions[keyword] = _parse(given, asked, keyword)
    return conditions


def _parse(given: object, asked: "Attribute", below: str) -> Condition:
    if isinstance(given, Mapping):
        return _parse_table(given, asked, below)
    if isinstance(given, list | tuple):
        if not given:
            raise BadCondition(below, "the list is empty", "give at least one value")
        return Is(tuple(_value(one, asked, f"{below}[{i}]") for i, one in enumerate(given)))
    return Is((_value(given, asked, below),))


def _parse_table(table: Mapping[str, object], asked: "Attribute", below: str) -> Condition:
    keys = set(table)
    if keys == {"matches"}:
        return Matches(_pattern(table["matches"], asked, f"{below}.matches"))
    if keys and keys <= {"from", "to"}:
        return _between(table, asked, below)
    if keys == {"present"}:
        return Present(_truth(table["present"], f"{below}.present"))
    if keys == {"not"}:
        return Not(_parse(table["not"], asked, f"{below}.not"))
    unknown = sorted(str(key) for key in keys.difference(_TABLE_KEYS))
    wrong = f"there is no condition {shown(unknown[0])}" if unknown else f"{len(keys)} conditions in one table"
    raise BadCondition(below, wrong, "allowed is one of { matches = }, { from =, to = }, { present = }, { not = }")


def _between(table: Mapping[str, object], asked: "Attribute", below: str) -> Between:
    if asked.kind.value != "number":
        wrong = f"{asked.keyword} holds text (VR {asked.vr}), and a range is for numbers"
        raise BadCondition(below, wrong, "allowed are a text, a list of texts, { matches = }, { present = }, { not = }")
    ends = {key: _number(table[key], f"{below}.{key}") for key in ("from", "to") if key in table}
    low, high = ends.get("from"), ends.get("to")
    if low is not None and high is not None and low > high:
        raise BadCondition(below, f"nothing lies from {shown(low)} to {shown(high)}", "the smaller number goes to from")
    return Between(low, high)


def _value(given: object, asked: "Attribute", below: str) -> "Value":
    if asked.kind.value == "number":
        return _number(given, below, f" ({asked.keyword} is a number, VR {asked.vr})")
    if not isinstance(given, str) or not given.strip():
        wrong = f"given {_given(given)} ({asked.keyword} is a text, VR {asked.vr})"
        raise BadCondition(
            below, wrong, "allowed is a text that is not empty, in quotes; { present = false } asks for none"
        )
    return unicodedata.normalize("NFC", given.strip())


def _number(given: object, below: str, more: str = "") -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) < 1e300:
        raise BadCondition(below, f"given {_given(given)}{more}", "allowed is a number, without quotes")
    return float(given)


def _truth(given: object, below: str) -> bool:
    if not isinstance(given, bool):
        raise BadCondition(below, f"given {_given(given)}", "allowed is true or false")
    return given


def _pattern(given: object, asked: "Attribute", below: str) -> str:
    if asked.kind.value != "text":
        wrong = f"{asked.keyword} holds numbers (VR {asked.vr}), and a regular expression is for text"
        raise BadCondition(below, wrong, "allowed are a number, a list of numbers, { from =, to = }, { present = }")
    if not isinstance(given, str):
        raise BadCondition(below, f"given {_given(given)}", "allowed is a regular expression in quotes")
    wrong = pattern_problem(given)
    if wrong:
        raise BadCondition(below, wrong, PATTERN_ALLOWED)
    return given


def _given(value: object) -> str:
    return shown(value) if isinstance(value, str | int | float | list | tuple) else f"a {type(value).__name__}"
