"""Jobs, the turns in which they are claimed, and the log of all that happens."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    literal_column,
    text,
)

from hounsfield.storage.tables.columns import (
    Digest,
    Id,
    Json,
    JsonOrNull,
    RuleName,
    UtcDateTime,
    Word,
    metadata,
    row_id,
)

job = Table(
    "job",
    metadata,
    row_id(),
    Column("kind", Word, nullable=False),
    Column("state", Word, nullable=False),
    Column("series_id", Id, ForeignKey("series.id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("bundle", String(255)),
    Column("bundle_version", String(255)),
    Column("bundle_sha256", Digest),
    Column("destination", String(255)),
    Column("result_set_id", Id),
    Column("outcome", Word),
    Column("reason", Word),
    Column("score", Double),
    Column("device", String(255)),
    Column("attempts", Integer, nullable=False, default=0),
    Column("max_attempts", Integer, nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("proof", Word, nullable=False),
    Column("available_at", UtcDateTime, nullable=False),
    Column("give_up_at", UtcDateTime),
    Column("claimed_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("worker", String(255)),
    Column("fence", Integer, nullable=False, default=0),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("timings", Json, nullable=False, default=dict),
    # Of INFER jobs.
    Column("part", String(64), nullable=False, default=""),
    Column("subject", Digest, nullable=False, default=""),
    Column("rule", RuleName),
    Column("shadow", Boolean, nullable=False, default=False),
    Column("destinations", JsonOrNull),
    Column("verdict", JsonOrNull),
    # AE title that sent the first image of its series.
    Column("scanner", String(64), nullable=False, default=""),
    # Its place among the open jobs of one kind, destination and priority: see `hounsfield.storage.turns`.
    Column("turn", BigInteger, nullable=False, default=0, server_default="0"),
    Index("ix_job_due", "state", "kind", "available_at"),
    # The lists of people: newest first, whatever is chosen, without reading what is not shown.
    Index("ix_job_state_id", "state", "id"),
    Index("ix_job_kind_id", "kind", "id"),
    Index("ix_job_outcome_id", "outcome", "id"),
    Index("ix_job_reason_id", "reason", "id"),
    Index("ix_job_scanner_id", "scanner", "id"),
    Index("ix_job_scanner_state_id", "scanner", "state", "id"),
    Index("ix_job_scanner_outcome_id", "scanner", "outcome", "id"),
    Index("ix_job_scanner_bundle_id", "scanner", "bundle", "id"),
    Index("ix_job_bundle_id", "bundle", "id"),
    Index("ix_job_destination_id", "destination", "id"),
    Index("ix_job_created_at", "created_at"),
    Index("ix_job_updated_at", "updated_at"),
    Index("ix_job_subject", "subject", "bundle"),
    Index("ix_job_destination_state_id", "destination", "state", "id"),
    sqlite_autoincrement=True,
)
_OPEN_JOB = text("state IN ('AVAILABLE', 'RETRYABLE')")
Index(
    "ix_job_turn",
    job.c.kind,
    job.c.destination,
    job.c.priority,
    job.c.turn,
    job.c.id,
    job.c.available_at,
    sqlite_where=_OPEN_JOB,
    postgresql_where=_OPEN_JOB,
)
Index(
    "ix_job_lane",
    job.c.kind,
    job.c.destination,
    job.c.priority,
    job.c.scanner,
    job.c.turn,
    sqlite_where=_OPEN_JOB,
    postgresql_where=_OPEN_JOB,
)
_INFER = text("kind = 'INFER'")
_DELIVER = text("kind IN ('DELIVER', 'NOTIFY')")
Index(
    "uq_job_infer",
    job.c.series_id,
    job.c.revision,
    job.c.bundle,
    job.c.bundle_version,
    job.c.part,
    unique=True,
    sqlite_where=_INFER,
    postgresql_where=_INFER,
)
Index(
    "uq_job_deliver",
    job.c.result_set_id,
    job.c.kind,
    job.c.destination,
    unique=True,
    sqlite_where=_DELIVER,
    postgresql_where=_DELIVER,
)

# How far the open jobs of one kind, destination (empty where there is none) and priority have come.
turn = Table(
    "turn",
    metadata,
    Column("kind", Word, primary_key=True),
    Column("destination", String(255), primary_key=True),
    Column("priority", Integer, primary_key=True, autoincrement=False),
    # The turn of the job that was claimed.
    Column("reached", BigInteger, nullable=False, default=0, server_default="0"),
    # How often in a row jobs of higher priority went before although the first one here had waited too long.
    Column("passed", Integer, nullable=False, default=0, server_default="0"),
)


def is_open(jobs: Any) -> ColumnElement[bool]:
    """Return the condition for columns of ``job`` that the indexes of open jobs are made for.

    Written out: with parameters in it neither engine would see that the index holds all that is asked for.
    """
    condition: ColumnElement[bool] = jobs.state.in_((literal_column("'AVAILABLE'"), literal_column("'RETRYABLE'")))
    return condition


event = Table(
    "event",
    metadata,
    row_id(),
    Column("at", UtcDateTime, nullable=False, index=True),
    # None: what somebody did to the service itself (stage operate).
    Column("series_id", Id, ForeignKey("series.id"), index=True),
    Column("job_id", Id, ForeignKey("job.id"), index=True),
    Column("kind", Word),
    Column("stage", Word, nullable=False),
    Column("from_state", Word),
    Column("to_state", Word, nullable=False),
    Column("attempt", Integer),
    Column("worker", String(255)),
    Column("reason", Word),
    Column("seconds", Double),
    Column("detail", Json, nullable=False),
    Index("ix_event_to_state_id", "to_state", "id"),
    Index("ix_event_stage_id", "stage", "id"),
    sqlite_autoincrement=True,
)
