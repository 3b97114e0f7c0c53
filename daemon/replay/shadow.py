"""A bundle that ran in the shadow beside the one that was sent, on the same series. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.daemon.replay.thresholds import detection, was_flagged
from hounsfield.model.drift.rates import Interval, share
from hounsfield.model.evaluate.metrics import Estimate, auc_gain_interval, auc_interval
from hounsfield.storage.analysis_facts import ScoredJob

Pairs = Sequence[tuple[ScoredJob, ScoredJob]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How one bundle does on the series whose truth is known."""

    flagged: int
    """Of all series."""
    sensitivity: Interval | None
    specificity: Interval | None
    auc: Estimate | None
    """None unless both kinds of series are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Two bundles on the same series."""

    series: int
    both: int
    only_shadow: int
    only_active: int
    neither: int
    agreement: Interval
    known: int
    """Series whose truth is known."""
    shadow: Side
    active: Side
    auc_gain: Estimate | None
    """AUC of the shadow less that of the active bundle."""


def pair_up(shadow: Sequence[ScoredJob], active: Sequence[ScoredJob]) -> list[tuple[ScoredJob, ScoredJob]]:
    """Return (shadow, active) of each reconstruction that both have scored."""
    others = {(job.series_id, job.part): job for job in sorted(active, key=lambda job: job.job_id)}
    return [(job, other) for job in shadow if (other := others.get((job.series_id, job.part))) is not None]


def beside(pairs: Pairs, truth: Mapping[int, bool]) -> Beside:
    """Compare; ``pairs`` is not empty, ``truth`` is by job id of the shadow. Studies are drawn whole for intervals."""
    flags = [(was_flagged(shadow), was_flagged(active)) for shadow, active in pairs]
    both, neither = flags.count((True, True)), flags.count((False, False))
    known = [pair for pair in pairs if pair[0].job_id in truth]
    real = np.array([truth[shadow.job_id] for shadow, _ in known], np.bool_)
    scores = [np.array([pair[side].score for pair in known], np.float64) for side in (0, 1)]
    _, studies = np.unique([shadow.study_uid for shadow, _ in known], return_inverse=True)
    can_rank = bool(real.any() and not real.all())
    by_active = {active.job_id: truth[shadow.job_id] for shadow, active in known}
    return Beside(
        series=len(pairs),
        both=both,
        only_shadow=flags.count((True, False)),
        only_active=flags.count((False, True)),
        neither=neither,
        agreement=share(both + neither, len(pairs)),
        known=len(known),
        shadow=_side([one for one, _ in pairs], truth, _auc(can_rank, real, scores[0], studies)),
        active=_side([one for _, one in pairs], by_active, _auc(can_rank, real, scores[1], studies)),
        auc_gain=auc_gain_interval(real, scores[0], scores[1], studies) if can_rank else None,
    )


def _auc(
    can_rank: bool, real: NDArray[np.bool_], scores: NDArray[np.float64], studies: NDArray[np.integer]
) -> Estimate | None:
    return auc_interval(real, scores, studies) if can_rank else None


def _side(jobs: Sequence[ScoredJob], truth: Mapping[int, bool], auc: Estimate | None) -> Side:
    sensitivity, specificity = detection(jobs, truth, was_flagged)
    return Side(flagged=sum(map(was_flagged, jobs)), sensitivity=sensitivity, specificity=specificity, auc=auc)
