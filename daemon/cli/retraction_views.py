"""In which words a result is said to be retracted: wherever a result is shown."""

from hounsfield.daemon.cli.output import local
from hounsfield.storage.records import StoredResultSet


def retracted_words(retraction: StoredResultSet | None) -> str:
    """Return when, by whom and why; empty for None."""
    if retraction is None:
        return ""
    by, words = retraction.detail.get("by"), retraction.detail.get("words")
    return f"{local(retraction.created_at)}{f' by {by}' if by else ''}{f' ({words})' if words else ''}"
