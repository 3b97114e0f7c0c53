"""Whether a result was retracted, and in which words: wherever a result is shown."""

from hounsfield.daemon.cli.output import local
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import StoredResultSet
from hounsfield.storage.states import ResultKind


def retraction_of(jobs: JobStore, result: StoredResultSet) -> StoredResultSet | None:
    """Return the retraction of a result set, None if there is none."""
    found = jobs.result_sets_of_job(result.job_id)
    return next((one for one in found if one.kind is ResultKind.RETRACTION and one.replaces == result.id), None)


def retracted_words(retraction: StoredResultSet | None) -> str:
    """Return when, by whom and why; empty for None."""
    if retraction is None:
        return ""
    by, words = retraction.detail.get("by"), retraction.detail.get("words")
    return f"{local(retraction.created_at)}{f' by {by}' if by else ''}{f' ({words})' if words else ''}"
