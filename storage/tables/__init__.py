"""The tables, once for SQLite and PostgreSQL. The migrations make them; a test compares the two.

Never here: statements. What a row means is known by the store that writes it.
"""

from hounsfield.storage.tables.columns import Json, UtcDateTime, metadata
from hounsfield.storage.tables.jobs import event, is_open, job, turn
from hounsfield.storage.tables.reception import (
    association,
    instance,
    revision,
    series,
    sighting,
    snapshot,
    spool_writer,
)
from hounsfield.storage.tables.results import (
    analysis_fact,
    commitment,
    commitment_item,
    delivered_object,
    destination_state,
    drift_baseline,
    feedback,
    result_object,
    result_set,
)
from hounsfield.storage.tables.service import account, alarm, bundle_choice, component, pause, sign_in, site_fact

__all__ = [
    "Json",
    "UtcDateTime",
    "account",
    "alarm",
    "analysis_fact",
    "association",
    "bundle_choice",
    "commitment",
    "commitment_item",
    "component",
    "delivered_object",
    "destination_state",
    "drift_baseline",
    "event",
    "feedback",
    "instance",
    "is_open",
    "job",
    "metadata",
    "pause",
    "result_object",
    "result_set",
    "revision",
    "series",
    "sighting",
    "sign_in",
    "site_fact",
    "snapshot",
    "spool_writer",
    "turn",
]
