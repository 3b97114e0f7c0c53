"""From an analysis to durable result files: builds the objects, stages them, returns the rows to be stored.

Used by the infer stage and, for jobs whose model crashed, by the rescuer (without pixels and without the model).
Running it twice for the same job is harmless: nothing is sent before its rows are committed.
"""

from collections.abc import Sequence
from pathlib import Path

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.destinations import Language
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.pipeline.bundle_facts import bundle_facts
from hounsfield.daemon.pipeline.marks import marks_of
from hounsfield.daemon.pipeline.page_content import Evidence, page_content
from hounsfield.daemon.pipeline.rows import row_of
from hounsfield.daemon.results.languages import WORDS
from hounsfield.daemon.results.profile import Profile, profiles_of
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import InstanceReference, Mark, ReportRequest
from hounsfield.model.bundle import Bundle
from hounsfield.model.findings import Analysis
from hounsfield.model.page import PageContent, render_pages, write_png
from hounsfield.model.page.canvas import Picture
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import JobRecord, ResultObject, ResultSet, StoredResultSet
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import Outcome, Reason

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

    def report(
        self,
        job: JobRecord,
        bundle: Bundle,
        analysis: Analysis,
        evidence: Evidence,
        reason: Reason | None = None,
    ) -> ResultSet:
        """Stage the objects, write the preview; return the result set. ``reason`` overrides the rejection's code."""
        outcome, reason = _outcome(analysis, reason)
        pages = _Pages(bundle, analysis, evidence, outcome, reason)
        earlier = self._jobs.predecessors(job)[:1]
        objects: list[ResultObject] = []
        told = bool(self._settings.notify)
        for profile in profiles_of(self._settings.destination, job.destinations, is_told=told):
            request = ReportRequest(
                analysis=analysis,
                outcome=outcome,
                reason=reason,
                words=WORDS[profile.language].reason(reason),
                bundle=bundle_facts(bundle),
                sources=evidence.sources,
                verdict=evidence.verdict,
                identity=evidence.identity,
                revision=job.revision,
                part=job.part,
                predecessors=self._predecessors(job, earlier, profile.key),
                pages=pages.of(profile) if "sc" in profile.roles else (),
                marks=pages.marks(profile) if "pr" in profile.roles else (),
                profile=profile,
                site=self._settings.site,
                device_uid=self._device_uid,
                created=self._clock.now(),
            )
            made = self._stage(request)
            if made and not objects:
                self._preview(made[0].sop_instance_uid, pages.of(profile)[0])
            objects += made
        return ResultSet(
            identity=evidence.identity,
            outcome=outcome,
            reason=reason,
            score=analysis.leading.score if analysis.leading else None,
            device=analysis.device,
            objects=tuple(objects),
            detail=_detail(analysis),
        )

    def publish(self, objects: Sequence[ResultObject]) -> None:
        """Give staged objects the names by which they are sent: by who holds the job, while it is locked."""
        self._files.publish([(one.sop_instance_uid, one.sha256) for one in objects])

    def drop(self, objects: Sequence[ResultObject]) -> None:
        """Delete staged objects of a job that somebody else has."""
        self._files.drop([(one.sop_instance_uid, one.sha256) for one in objects])

    def _stage(self, request: ReportRequest) -> list[ResultObject]:
        return [
            row_of(built, self._files.stage(built.sop_instance_uid, built.content), request.profile.key)
            for built in build(request, request.profile.roles)
        ]

    def _predecessors(
        self, job: JobRecord, earlier: Sequence[StoredResultSet], profile: str
    ) -> tuple[InstanceReference, ...]:
        """Name the reports that this one follows: those of the same subject, or an earlier try of this very job.

        Of several, the one that was made for the same profile; a destination may have got another profile since.
        None whose file was removed after its time.
        """
        kept = [result for result in earlier if result.removed_at is None]
        reports = [obj for result in kept for obj in result.objects if obj.role == "sr" and obj.variant_of is None]
        same = [obj for obj in reports if obj.profile == profile]
        try:
            return tuple(InstanceReference.read(self._files.path(obj.sop_instance_uid)) for obj in same or reports)
        except ResultError as error:  # the new report matters more than its link to the old one
            log.error("a report does not name the one before it", job=job.id, error=str(error))
            return ()

    def _preview(self, uid: str, page: Picture) -> None:
        try:
            write_png(self._previews / f"{uid}.png", page)
        except OSError as error:  # the report lies safe; a picture beside it is not worth another attempt
            log.error("the preview could not be written", error=error.strerror)


class _Pages:
    """Pages of one analysis, drawn once for each language and number of pages that is wanted."""

    def __init__(
        self, bundle: Bundle, analysis: Analysis, evidence: Evidence, outcome: Outcome, reason: Reason | None
    ) -> None:
        self._bundle = bundle
        self._analysis = analysis
        self._evidence = evidence
        self._outcome = outcome
        self._reason = reason
        self._drawn: dict[tuple[Language, int], tuple[Picture, ...]] = {}

    def of(self, profile: Profile) -> tuple[Picture, ...]:
        """Return the summary and the pages of single flagged slices."""
        key = profile.language, profile.flagged_pages if "sc" in profile.roles else 0
        if key not in self._drawn:
            self._drawn[key] = render_pages(self._content(profile.language), most_flagged=key[1])
        return self._drawn[key]

    def marks(self, profile: Profile) -> tuple[Mark, ...]:
        """Return where the heatmaps of the slices shown are hottest."""
        return marks_of(self._content(profile.language).slices, self._analysis.leading)

    def _content(self, language: Language) -> PageContent:
        words = WORDS[language]
        return page_content(
            self._bundle, self._analysis, self._evidence, self._outcome, words.reason(self._reason), words.labels
        )


def _outcome(analysis: Analysis, reason: Reason | None) -> tuple[Outcome, Reason | None]:
    if analysis.findings:
        return (Outcome.POSITIVE if analysis.flagged else Outcome.NEGATIVE), None
    return Outcome.NOT_ANALYSED, reason or Reason(str(analysis.rejection))


def _detail(analysis: Analysis) -> dict[str, object]:
    """What the job log keeps of an analysis; the scores of the slices are those of the first label."""
    detail: dict[str, object] = {"remarks": list(analysis.remarks)}
    if analysis.finding is not None and analysis.leading is not None:
        detail["threshold"] = analysis.leading.threshold
        detail["scores"] = {one.label: round(one.score, 6) for one in analysis.findings}
        detail["thresholds"] = {one.label: one.threshold for one in analysis.findings}
        detail["slice_scores"] = [round(s.score, 6) for s in analysis.finding.slices]
        detail["slice_thresholds"] = {one.label: one.slice_threshold for one in analysis.findings}
    return detail
