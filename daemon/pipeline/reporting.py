"""From an analysis to durable result files: builds the objects, writes them, returns the rows to be stored.

Used by the infer stage and, for jobs whose model crashed, by the rescuer (without pixels and without the model).
Running it twice for the same job is harmless: nothing is sent before its rows are committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from pydicom import Dataset

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.pipeline.bundle_facts import bundle_facts
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import PredecessorRef, ReportRequest
from hounsfield.model.bundle import Bundle
from hounsfield.model.findings import Analysis, Finding
from hounsfield.model.headers import SliceHeader
from hounsfield.model.page import PageContent, PageSlice, render_page, write_png
from hounsfield.model.page.canvas import Picture
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import JobRecord, ResultObject, ResultSet, Verdict
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import REASON_WORDS, Outcome, Reason

log = structlog.get_logger("hounsfield.reporter")

PAGE_SLICES = 6


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a report speaks of: the snapshot, its identity and its completeness."""

    sources: tuple[Dataset, ...]
    """Data sets without pixels of every instance, in volume order where there is one."""
    headers: tuple[SliceHeader, ...]
    """Headers in volume order; empty where no geometry could be had."""
    slices_hu: Sequence[np.ndarray]
    """HU (rows, columns) per header; empty if the pixels were not read."""
    identity: str
    verdict: Verdict


class Reporter:
    """Builds and persists the result set of one INFER job."""

    def __init__(
        self,
        *,
        settings: Settings,
        jobs: JobStore,
        files: ResultFiles,
        previews: Path,
        device_uid: str,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._files = files
        self._previews = previews
        self._device_uid = device_uid
        self._clock = clock
        roles = {role for destination in settings.destination for role in destination.results}
        self._roles = tuple(sorted(roles or {"sr", "sc"}, reverse=True))

    def report(
        self,
        job: JobRecord,
        bundle: Bundle,
        analysis: Analysis,
        evidence: Evidence,
        reason: Reason | None = None,
    ) -> ResultSet:
        """Write the objects and the preview; return the result set. ``reason`` overrides the rejection's code."""
        outcome, reason = _outcome(analysis, reason)
        words = "" if reason is None else REASON_WORDS.get(reason, str(reason))
        page = render_page(self._page(bundle, analysis, evidence, outcome, words))
        request = ReportRequest(
            analysis=analysis,
            outcome=outcome,
            reason=reason,
            words=words,
            bundle=bundle_facts(bundle),
            sources=evidence.sources,
            verdict=evidence.verdict,
            identity=evidence.identity,
            revision=job.revision,
            part=job.part,
            predecessors=self._predecessors(job),
            page=page,
            site=self._settings.site,
            device_uid=self._device_uid,
            created=self._clock.now(),
        )
        objects = tuple(
            ResultObject(
                role=built.role,
                sop_class_uid=built.sop_class_uid,
                sop_instance_uid=built.sop_instance_uid,
                sha256=self._files.write(built.sop_instance_uid, built.content),
                size=len(built.content),
            )
            for built in build(request, self._roles)
        )
        self._preview(objects[0].sop_instance_uid, page)
        return ResultSet(
            identity=evidence.identity,
            outcome=outcome,
            reason=reason,
            score=analysis.finding.score if analysis.finding else None,
            device=analysis.device,
            objects=objects,
            detail=_detail(analysis),
        )

    def _predecessors(self, job: JobRecord) -> tuple[PredecessorRef, ...]:
        """Name the reports that this one follows: those of the same subject, or an earlier try of this very job."""
        earlier = self._jobs.predecessors(job)
        try:
            return tuple(
                PredecessorRef.read(self._files.path(obj.sop_instance_uid))
                for result in earlier[:1]
                for obj in result.objects
                if obj.role == "sr"
            )
        except ResultError as error:  # the new report matters more than its link to the old one
            log.error("a report does not name the one before it", job=job.id, error=str(error))
            return ()

    def _preview(self, uid: str, page: Picture) -> None:
        try:
            write_png(self._previews / f"{uid}.png", page)
        except OSError as error:  # the report lies safe; a picture beside it is not worth another attempt
            log.error("the preview could not be written", error=error.strerror)

    def _page(
        self, bundle: Bundle, analysis: Analysis, evidence: Evidence, outcome: Outcome, words: str
    ) -> PageContent:
        manifest = bundle.manifest
        finding = analysis.finding
        return PageContent(
            verdict={Outcome.POSITIVE: "FLAGGED", Outcome.NEGATIVE: "NOT FLAGGED"}.get(outcome, "NOT ANALYSED"),
            words=words,
            short=manifest.output.labels[0].short,
            score=finding.score if finding else None,
            score_word="Probability" if manifest.calibrated else "Score",
            threshold=finding.threshold if finding else None,
            slice_threshold=finding.slice_threshold if finding else None,
            slice_scores=tuple(s.score for s in finding.slices) if finding else (),
            slices=_top_slices(finding, evidence),
            bundle=f"{manifest.name} {manifest.version}",
            completeness=str(evidence.verdict.completeness),
            remarks=(*evidence.verdict.remarks, *analysis.remarks),
            banner=manifest.banner,
        )


def _outcome(analysis: Analysis, reason: Reason | None) -> tuple[Outcome, Reason | None]:
    if analysis.finding is not None:
        return (Outcome.POSITIVE if analysis.finding.flagged else Outcome.NEGATIVE), None
    return Outcome.NOT_ANALYSED, reason or Reason(str(analysis.rejection))


def _top_slices(finding: Finding | None, evidence: Evidence) -> tuple[PageSlice, ...]:
    """The slices with the highest scores, in volume order; without scores, slices evenly through the volume."""
    count = len(evidence.slices_hu)
    if not count:
        return ()
    if finding is None:
        chosen = np.unique(np.linspace(0, count - 1, min(PAGE_SLICES, count)).round().astype(int))
    else:
        scores = np.array([s.score for s in finding.slices])
        chosen = np.sort(np.argsort(-scores, kind="stable")[:PAGE_SLICES])
    return tuple(
        PageSlice(
            number=int(i) + 1,
            hu=evidence.slices_hu[i],
            score=finding.slices[i].score if finding else None,
            pixel_spacing=evidence.headers[i].pixel_spacing or (1.0, 1.0),
            orientation=evidence.headers[i].orientation,
        )
        for i in chosen
    )


def _detail(analysis: Analysis) -> dict[str, object]:
    detail: dict[str, object] = {"remarks": list(analysis.remarks)}
    if analysis.finding is not None:
        detail["threshold"] = analysis.finding.threshold
        detail["slice_scores"] = [round(s.score, 6) for s in analysis.finding.slices]
    return detail
