"""The report that follows a rejection note: not analysed, the result was withdrawn; no finding and no number."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from hounsfield.daemon.bundles.shelf import BundleShelf
from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.pipeline.evidence import open_snapshot, undecoded_evidence
from hounsfield.daemon.pipeline.reporting import Reporter
from hounsfield.model.findings import Analysis, Rejection
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.spool_files import SpoolFiles
from hounsfield.storage.states import Reason, ResultKind, SeriesState

log = structlog.get_logger("hounsfield.recall")


class CorrectionReporter:
    """Writes it from the images as they lie in the spool, without decoding their pixels."""

    def __init__(self, *, series: SeriesStore, spool: SpoolFiles, reporter: Reporter, shelf: BundleShelf) -> None:
        self._series = series
        self._spool = spool
        self._reporter = reporter
        self._shelf = shelf

    def report(
        self, job: JobRecord, taken: StoredResultSet, destinations: Sequence[str], words: str
    ) -> tuple[ResultObject, ...]:
        """Write the objects for the destinations' profiles.

        None while the series is held, for its patient may be in doubt; none where the result was written anew for a
        patient that the images do not name; none when no image can be read any more.
        """
        record = self._series.get(job.series_id)
        if record is None or record.state is SeriesState.HELD or taken.kind is ResultKind.REISSUE:
            return ()
        evidence = undecoded_evidence(open_snapshot(self._series, self._spool, job))
        if not evidence.sources:
            return ()
        said = f"The earlier result was withdrawn: {words}" if words else "The earlier result was withdrawn"
        analysis = Analysis(rejection=Rejection.UNREADABLE, remarks=(said,))
        bundle = self._shelf.for_report(job.bundle or "", job.bundle_sha256 or "")
        to_them = replace(job, destinations=tuple(destinations))
        try:
            made = self._reporter.report(to_them, bundle, analysis, evidence, Reason.RETRACTED).objects
        except ResultError as error:  # the note matters more than the report behind it
            log.error("no corrected report can be built", job=job.id, error=str(error))
            return ()
        self._reporter.publish(made)  # before its rows are written, like the note's: nobody else makes these UIDs
        return made
