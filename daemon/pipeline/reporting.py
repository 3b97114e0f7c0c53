"""From an analysis to durable result files: builds the objects, writes them, returns the rows to be stored.

Used by the infer stage and, for jobs whose model crashed, by the rescuer (without pixels and without the model).
Running it twice for the same job is harmless: nothing is sent before its rows are committed.
"""

from pathlib import Path

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.pipeline.bundle_facts import bundle_facts
from hounsfield.daemon.pipeline.page_content import Evidence, page_content
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import PredecessorRef, ReportRequest
from hounsfield.model.bundle import Bundle
from hounsfield.model.findings import Analysis
from hounsfield.model.page import render_pages, write_png
from hounsfield.model.page.canvas import Picture
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import JobRecord, ResultObject, ResultSet
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import REASON_WORDS, Outcome, Reason

log = structlog.get_logger("hounsfield.reporter")


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
        pages = render_pages(page_content(bundle, analysis, evidence, outcome, words))
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
            pages=pages,
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
        self._preview(objects[0].sop_instance_uid, pages[0])
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


def _outcome(analysis: Analysis, reason: Reason | None) -> tuple[Outcome, Reason | None]:
    if analysis.finding is not None:
        return (Outcome.POSITIVE if analysis.finding.flagged else Outcome.NEGATIVE), None
    return Outcome.NOT_ANALYSED, reason or Reason(str(analysis.rejection))


def _detail(analysis: Analysis) -> dict[str, object]:
    detail: dict[str, object] = {"remarks": list(analysis.remarks)}
    if analysis.finding is not None:
        detail["threshold"] = analysis.finding.threshold
        detail["slice_scores"] = [round(s.score, 6) for s in analysis.finding.slices]
    return detail
