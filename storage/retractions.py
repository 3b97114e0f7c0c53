"""Conditions about results that were taken back: their deliveries rest for good, those of the retraction always go."""

from typing import Any

from sqlalchemy import ColumnElement, exists

from hounsfield.storage.states import Reason, ResultKind
from hounsfield.storage.tables import job, result_set

TAKEN_BACK = (Reason.RETRACTED, Reason.REISSUED)
"""Why a delivery was cancelled for good."""


def tells_of_retraction() -> ColumnElement[bool]:
    """Return the condition for rows of ``job`` that they deliver a retraction: no hold of the series stops that."""
    found = result_set.alias()
    return exists().where(found.c.id == job.c.result_set_id, found.c.kind == ResultKind.RETRACTION)


def is_taken_back(result_set_id: Any) -> ColumnElement[bool]:
    """Return the condition that a retraction names a result set."""
    retraction = result_set.alias()
    return exists().where(retraction.c.replaces == result_set_id, retraction.c.kind == ResultKind.RETRACTION)


def rests_for_good() -> ColumnElement[bool]:
    """Return the condition for rows of ``job`` that they deliver what was taken back or written anew."""
    return job.c.reason.in_(TAKEN_BACK) | is_taken_back(job.c.result_set_id)
