"""What other thresholds would have flagged, of scores that are stored. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hounsfield.model.drift.rates import Interval, share
from hounsfield.storage.analysis_facts import ScoredJob
from hounsfield.storage.states import Outcome

GRID = tuple(round(0.05 * step, 2) for step in range(1, 20))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What one threshold does."""

    threshold: float | None
    """None: those that were in force."""
    series: int
    flagged: int
    gained: int
    """Flagged by this one and not by the one that was in force."""
    lost: int
    """The other way round."""
    sensitivity: Interval | None
    specificity: Interval | None
    by_scanner: Mapping[str, tuple[int, int]]
    """Flagged series and all, by scanner."""

    @property
    def rate(self) -> Interval | None:
        """Share of flagged series with its 95 % interval; None without series."""
        return share(self.flagged, self.series) if self.series else None


def replay(jobs: Sequence[ScoredJob], thresholds: Sequence[float], truth: Mapping[int, bool]) -> list[Replayed]:
    """Return what was in force first, then each of ``thresholds``; ``truth`` by job id."""
    return [_replayed(jobs, None, truth), *(_replayed(jobs, one, truth) for one in thresholds)]


def was_flagged(job: ScoredJob) -> bool:
    """Whether the score was at or above the threshold in force; without one the outcome says it."""
    return job.outcome is Outcome.POSITIVE if job.threshold is None else job.score >= job.threshold


def detection(
    jobs: Sequence[ScoredJob], truth: Mapping[int, bool], flagged: Callable[[ScoredJob], bool]
) -> tuple[Interval | None, Interval | None]:
    """Return sensitivity and specificity (Wilson, 95 %); None where no case of the kind is known."""
    positive = [flagged(job) for job in jobs if truth.get(job.job_id) is True]
    others = [not flagged(job) for job in jobs if truth.get(job.job_id) is False]
    return _share(positive), _share(others)


def _share(hits: Sequence[bool]) -> Interval | None:
    return share(sum(hits), len(hits)) if hits else None


def _replayed(jobs: Sequence[ScoredJob], threshold: float | None, truth: Mapping[int, bool]) -> Replayed:
    def flagged(job: ScoredJob) -> bool:
        return was_flagged(job) if threshold is None else job.score >= threshold

    sensitivity, specificity = detection(jobs, truth, flagged)
    now = [(job, flagged(job), was_flagged(job)) for job in jobs]
    by_scanner: dict[str, tuple[int, int]] = {}
    for job, is_flagged, _ in now:
        found, all_of_it = by_scanner.get(job.scanner, (0, 0))
        by_scanner[job.scanner] = found + is_flagged, all_of_it + 1
    return Replayed(
        threshold=threshold,
        series=len(jobs),
        flagged=sum(is_flagged for _, is_flagged, _ in now),
        gained=sum(is_flagged and not before for _, is_flagged, before in now),
        lost=sum(before and not is_flagged for _, is_flagged, before in now),
        sensitivity=sensitivity,
        specificity=specificity,
        by_scanner=dict(sorted(by_scanner.items())),
    )
