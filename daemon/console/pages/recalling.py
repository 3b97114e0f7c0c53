"""Taking a result back from the page of its job, as ``hounsfield results retract`` does."""

from collections.abc import Sequence

from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.console.problems import BadRequest
from hounsfield.daemon.errors import ResultError
from hounsfield.storage.records import JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.states import JobKind


class NoCorrections:
    """A report in its place needs the received images: the command line makes one (``--corrected``)."""

    def report(
        self,
        job: JobRecord,  # noqa: ARG002
        taken: StoredResultSet,  # noqa: ARG002
        destinations: Sequence[str],  # noqa: ARG002
        words: str,  # noqa: ARG002
    ) -> tuple[ResultObject, ...]:
        """Make none."""
        return ()


def take_back(parts: ConsoleParts, job: JobRecord, person: str, words: str) -> None:
    """Take back the result of an INFER job.

    Raises BadRequest where there is nothing to take back, or the rejection note cannot be written.
    """
    # Both build DICOM objects: only who takes something back pays for the import.
    from hounsfield.daemon.pipeline.recall import RecallOrder, RecallState, Retractor

    if job.kind is not JobKind.INFER or job.result_set_id is None:
        raise BadRequest(f"job {job.id} has no result of its own", "results are taken back at the INFER job")
    retractor = Retractor(
        settings=parts.settings,
        jobs=parts.database.jobs,
        recalls=parts.database.recalls,
        files=parts.files,
        corrections=NoCorrections(),
        clock=parts.clock,
    )
    try:
        done = retractor.retract(job.result_set_id, RecallOrder(by=person, words=words))
    except ResultError as error:
        raise BadRequest(error.problem, error.remedy) from error
    if done.state is not RecallState.RETRACTED:
        raise BadRequest(f"the result of job {job.id} is not taken back", f"it is {done.state.value}")
