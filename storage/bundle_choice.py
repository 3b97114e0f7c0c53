"""Which version of an installed bundle new jobs get: every choice is kept. All times are timezone-aware UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ChoiceKind(StrEnum):
    """How a choice came about."""

    ACTIVATED = "activated"
    ROLLED_BACK = "rolled-back"
    """The choice before the last one counts again."""
    DEACTIVATED = "deactivated"
    """No version of this name is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleChoice:
    """From ``at`` on, this version of a bundle is the one that new jobs get; None: none of this name."""

    name: str
    version: str | None
    sha256: str | None
    kind: ChoiceKind
    at: datetime
    person: str = ""
    """Who chose."""


class Choices(Protocol):
    """What was chosen. The newest choice of a name counts."""

    def last_id(self) -> int:
        """Return a number that grows with every choice; 0 before the first. Cheap: asked many times a second."""

    def current(self) -> list[BundleChoice]:
        """Return the newest choice of each name, by name; those that chose nothing are left out."""

    def history(self, name: str) -> list[BundleChoice]:
        """Return all choices of a name, oldest first."""


class BundleChoiceStore(Choices, Protocol):
    """Choices are only ever added."""

    def choose(self, choice: BundleChoice) -> None:
        """Add a choice; it counts from now on, in every process."""

    def unfinished(self, name: str, version: str) -> int:
        """Return how many analyses that have not ended name this version."""


def standing(history: Sequence[BundleChoice]) -> tuple[BundleChoice, ...]:
    """Return the choices that were not rolled back, oldest first; the last one counts. Pure."""
    kept: list[BundleChoice] = []
    for choice in history:
        if choice.kind is ChoiceKind.ROLLED_BACK:
            del kept[-1:]
        elif not kept or choice.sha256 != kept[-1].sha256:
            kept.append(choice)
    return tuple(kept)
