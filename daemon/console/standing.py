"""How something stands, on every page: a word or two, and how bad that is."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How good a state is: a class of the style sheet, with a sign of its own there."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How something stands."""

    words: str
    level: Level
    more: str = ""
    """What stands behind it: a reason."""
