"""What the worker is asked for: one INFER job for each reconstruction and bundle, unless it was asked for already."""

import hashlib
import json
from dataclasses import replace

from hounsfield.daemon.assembly.candidates import Option, slices_of
from hounsfield.daemon.assembly.images import SeriesImages
from hounsfield.daemon.assembly.sources import JobLog, Studies
from hounsfield.daemon.config.rules import Rule
from hounsfield.model.parts import split
from hounsfield.storage.records import InferRequest, Verdict
from hounsfield.storage.states import Completeness

PRIORITIES = {"routine": 0, "stat": 100}


def request_of(images: SeriesImages, rule: Rule, option: Option, max_attempts: int) -> InferRequest:
    """Return the job that analyses one reconstruction with one bundle."""
    manifest = option.bundle.manifest
    verdict = option.reconstruction.verdict
    return InferRequest(
        bundle=manifest.name,
        bundle_version=manifest.version,
        bundle_sha256=option.bundle.sha256,
        priority=PRIORITIES[rule.priority],
        max_attempts=max_attempts,
        part=option.reconstruction.part.key,
        subject=subject(images, rule, option.reconstruction.part.key),
        rule=None if rule.implicit else rule.name,
        shadow=rule.shadow,
        destinations=rule.destinations,
        verdict=replace(verdict, evidence={**verdict.evidence, "chosen_for": option.rank.words}),
    )


def subject(images: SeriesImages, rule: Rule, part: str) -> str:
    """Return what results are about, hex SHA-256: those with the same subject follow each other as predecessors.

    A rule that takes the best series speaks of the study of one patient, any other of one reconstruction.
    """
    header = images.headers[0]
    about = (
        ["best", header.study_uid, rule.name, header.patient.id, header.patient.issuer]
        if rule.per_study == "best"
        else ["all", images.series.series_uid, part]
    )
    return hashlib.sha256(json.dumps(about, ensure_ascii=True).encode()).hexdigest()


def is_answered(images: SeriesImages, option: Option, series: Studies, jobs: JobLog) -> bool:
    """Whether the last revision was about the very same slices: what came since belongs to something else.

    A localizer or another reconstruction that comes late makes no second report about the same images.
    """
    record = images.series
    if record.revision == 0:
        return False
    before = {one.id for one in series.instances(record.id, record.revision)}
    places = [i for i, owner in enumerate(images.owners) if owner in before]
    known = split(images.part_headers(places))
    for job in jobs.of_series(record.id):
        if job.revision != record.revision or job.bundle_sha256 != option.bundle.sha256 or job.verdict is None:
            continue
        part = known.part(job.part)
        if part is None or _is_whole_at_last(job.verdict, option.reconstruction.verdict):
            continue
        if slices_of(images, (places[i] for i in part.indices)) == option.reconstruction.slices:
            return True
    return False


def _is_whole_at_last(before: Verdict, now: Verdict) -> bool:
    """Whether the same slices could not be analysed then because others of the series were missing."""
    return before.completeness is Completeness.INCOMPLETE and now.completeness is not Completeness.INCOMPLETE
