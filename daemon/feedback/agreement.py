"""How often readers agree, with how sure that is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.model.drift.rates import share
from hounsfield.storage.feedback import Tally
from hounsfield.storage.states import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What readers said about the results of one bundle version; ``outcome`` None: all of them."""

    bundle: str
    version: str
    outcome: Outcome | None
    results: int
    agreed: int
    disagreed: int

    @property
    def share(self) -> float | None:
        """Results that were agreed with, of those that a reader said something about; None where that is none."""
        said = self.agreed + self.disagreed
        return self.agreed / said if said else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of ``share`` (Wilson score, without continuity correction)."""
        said = self.agreed + self.disagreed
        found = share(self.agreed, said) if said else None
        return None if found is None else (found.low, found.high)


def agreements(tallies: Sequence[Tally]) -> list[Agreement]:
    """Return all results of each bundle version, then those of each outcome."""
    found: list[Agreement] = []
    for bundle, version in dict.fromkeys((tally.bundle, tally.version) for tally in tallies):
        own = [tally for tally in tallies if (tally.bundle, tally.version) == (bundle, version)]
        found.append(_sum(own, None))
        found += [_sum([tally], outcome) for outcome in Outcome for tally in own if tally.outcome is outcome]
    return found


def _sum(tallies: Sequence[Tally], outcome: Outcome | None) -> Agreement:
    return Agreement(
        bundle=tallies[0].bundle,
        version=tallies[0].version,
        outcome=outcome,
        results=sum(one.results for one in tallies),
        agreed=sum(one.agreed for one in tallies),
        disagreed=sum(one.disagreed for one in tallies),
    )
