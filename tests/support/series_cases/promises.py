"""What has to hold whatever was mixed up: no result speaks of a wrong patient, series or slice, or is made twice."""

import itertools
from collections.abc import Iterator

from support.series_cases.mixtures import Mixture
from support.series_cases.said import Said, Shown, contradictions
from support.series_cases.ward import Ward

from hounsfield.storage.records import JobRecord, SeriesRecord
from hounsfield.storage.states import InstanceRole, Outcome, SeriesState


def broken_promises(ward: Ward, mixed: Mixture, *, after: int = 0) -> Iterator[str]:
    """Yield what does not hold: of the series of this mixture, and of the jobs behind ``after``."""
    names = {str(image.SeriesInstanceUID) for image in mixed.images}
    for series in ward.series():
        if series.series_uid in names:
            yield from _of_series(ward, series)
    results: set[tuple[object, ...]] = set()
    for job in ward.jobs():
        if job.id <= after:
            continue
        said = ward.report_of(job)
        yield from _of_job(ward, mixed, job, said)
        result = ward.bench.app.database.jobs.result_set(job.result_set_id or 0)
        if result is not None:
            verdict = job.verdict and (job.verdict.completeness, job.verdict.reasons)
            key = (job.subject, job.series_uid, result.identity, verdict)
            if key in results:
                yield "two result sets say the same about the same images"
            results.add(key)


def _of_series(ward: Ward, series: SeriesRecord) -> Iterator[str]:
    store = ward.bench.app.database.series
    images = [one for one in store.instances(series.id) if one.role is InstanceRole.SOURCE and one.is_primary]
    if series.state is SeriesState.RECEIVING:
        yield "a series is left without a decision"
    people = {shown.patient_id for one in images for shown in _shown(ward, one.sop_instance_uid, series.series_uid)}
    studies = {one.study_uid for one in images}
    if (len(people) > 1 or len(studies) > 1) and series.state is not SeriesState.HELD:
        yield f"a series of {len(people)} patients and {len(studies)} studies is {series.state}"


def _shown(ward: Ward, sop: str, series: str) -> list[Shown]:
    return [one for key, shown in ward.sent.items() if key[0] == sop for one in shown if one.series_uid == series][:1]


def _of_job(ward: Ward, mixed: Mixture, job: JobRecord, said: Said | None) -> Iterator[str]:
    if said is None:
        if job.outcome is not None:
            yield "an outcome without a report"
        return
    yield from contradictions(said, ward.sent)
    word = {Outcome.POSITIVE: ": FLAGGED", Outcome.NEGATIVE: ": NOT FLAGGED", Outcome.NOT_ANALYSED: ": NOT ANALYSED"}
    if job.outcome is None or word[job.outcome] not in said.description:
        yield f"{job.outcome} is reported as '{said.description}'"
    instances = ward.bench.app.database.series.instances(job.series_id, job.revision)
    people = {s.patient_id for one in instances for s in _shown(ward, one.sop_instance_uid, job.series_uid)}
    if len(people) > 1 or len({one.study_uid for one in instances}) > 1:
        yield "a mixed series has a result"
    if said.is_analysed:
        yield from _of_analysis(ward, mixed, job, said)


def _of_analysis(ward: Ward, mixed: Mixture, job: JobRecord, said: Said) -> Iterator[str]:
    if _overlap(mixed, said):
        yield "one result speaks of two reconstructions"
    if _half(ward, mixed, job, said):
        yield "a result leaves out slices of the reconstruction it speaks of"
    evidence = {sop for _, _, sop in said.evidence}
    keys = sorted((key for key in mixed.height if key[0] in evidence), key=lambda key: mixed.height[key])
    result = ward.bench.app.database.jobs.result_set(job.result_set_id or 0)
    scores = [] if result is None else list(result.detail["slice_scores"])  # type: ignore[call-overload]
    if len(scores) != len(keys):
        yield f"{len(scores)} scores for {len(keys)} slices"
        return
    for key, score in zip(keys, scores, strict=True):
        drawn = [one.score for one in ward.sent[key]]
        if not any(value is not None and abs(value - score) < 2e-6 for value in drawn):
            yield f"a slice has the score {score}, drawn into it is {drawn}"
    flagged = {key for key, score in zip(keys, scores, strict=True) if score >= 0.5}
    if max(scores) >= 0.5 and len(flagged) <= 10 and set(said.flagged) != flagged:
        yield "the flagged slices are not those with the high scores"


def _overlap(mixed: Mixture, said: Said) -> bool:
    """Whether the images are of reconstructions that lie in each other; blocks above each other are one scan."""
    evidence = {sop for _, _, sop in said.evidence}
    heights: dict[str, list[float]] = {}
    for key, z in mixed.height.items():
        if key[0] in evidence:
            heights.setdefault(mixed.origin[key[0]], []).append(z)
    ranges = sorted((min(found), max(found)) for found in heights.values())
    return any(upper[0] <= lower[1] for lower, upper in itertools.pairwise(ranges))


def _half(ward: Ward, mixed: Mixture, job: JobRecord, said: Said) -> bool:
    """Whether the snapshot holds slices of the same reconstruction where the result has none."""
    evidence = {sop for _, _, sop in said.evidence}
    origins = {mixed.origin[sop] for sop in evidence}
    there = {one.sop_instance_uid for one in ward.bench.app.database.series.instances(job.series_id, job.revision)}
    own = {
        key: z for key, z in mixed.height.items() if key[0] in there - mixed.scouts and mixed.origin[key[0]] in origins
    }
    return not set(own.values()) <= {z for key, z in own.items() if key[0] in evidence}
