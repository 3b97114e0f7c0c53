"""The tables, once for SQLite and PostgreSQL. The migrations make them; a test compares the two."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hounsfield.storage.errors import StorageError


class UtcDateTime(TypeDecorator[datetime]):
    """Timezone-aware UTC in and out on both engines; a naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite gets it without zone, as text that sorts by time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise StorageError("a time without a time zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
Json = JSON().with_variant(JSONB, "postgresql")
JsonOrNull = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Uid = String(64)
Word = String(32)
Digest = String(64)
RuleName = String(64)
Handle = String(14)


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True)


association = Table(
    "association",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("receiver", String(255), nullable=False),
    Column("calling_ae", String(64), nullable=False),
    Column("called_ae", String(64), nullable=False),
    Column("peer_address", String(255), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False, index=True),
    Column("ending", Word, nullable=False, index=True),
    Column("ended_at", UtcDateTime),
)

series = Table(
    "series",
    metadata,
    _id(),
    Column("series_uid", Uid, nullable=False, unique=True),
    Column("study_uid", Uid, nullable=False, index=True),
    Column("state", Word, nullable=False),
    Column("revision", Integer, nullable=False, default=0),
    Column("completeness", Word),
    Column("reason", Word),
    Column("remarks", Json, nullable=False, default=list),
    Column("instances", Integer, nullable=False, default=0),
    Column("duplicates", Integer, nullable=False, default=0),
    Column("variants", Integer, nullable=False, default=0),
    Column("first_received_at", UtcDateTime, nullable=False),
    Column("last_received_at", UtcDateTime, nullable=False),
    # How long a series was quiet, and how old it was, before the assembler first saw it.
    Column("touched_at", UtcDateTime, nullable=False),
    Column("receiving_since", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("version", Integer, nullable=False, default=1),
    Column("rule", RuleName),
    Column("waived", Json, nullable=False, default=list),
    # AE title that sent its first image.
    Column("scanner", String(64), nullable=False, default="", index=True),
    # Keyed hashes of its UID and of its accession number, to be found by; none until the assembler has seen it.
    Column("handle", Handle, index=True),
    Column("accession", Handle, index=True),
    # When the last of its images were removed after their time; none while one of them is here.
    Column("images_removed_at", UtcDateTime),
    Index("ix_series_state_id", "state", "id"),
    Index("ix_series_reason_id", "reason", "id"),
    Index("ix_series_first_received_at", "first_received_at"),
    sqlite_autoincrement=True,
)
Index(
    "ix_series_with_images",
    series.c.id,
    sqlite_where=series.c.images_removed_at.is_(None),
    postgresql_where=series.c.images_removed_at.is_(None),
)

instance = Table(
    "instance",
    metadata,
    _id(),
    Column("series_id", Id, ForeignKey("series.id"), nullable=False),
    Column("digest", Digest, nullable=False, unique=True),
    Column("sop_instance_uid", Uid, nullable=False, index=True),
    Column("sop_class_uid", Uid, nullable=False),
    Column("study_uid", Uid, nullable=False),
    Column("transfer_syntax", Uid, nullable=False),
    Column("role", Word, nullable=False),
    Column("calling_ae", String(64), nullable=False),
    Column("called_ae", String(64), nullable=False),
    Column("peer_address", String(255), nullable=False),
    # No foreign key: a row rebuilt from the spool may name an association that was never recorded.
    Column("association_id", String(64), nullable=False, index=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, default=0),
    Column("is_primary", Boolean, nullable=False),
    Column("copies", Integer, nullable=False, default=1),
    # When its file was removed after its time; the row stays, so that a copy that comes again is known.
    Column("removed_at", UtcDateTime),
    Index("ix_instance_series_id", "series_id"),
    sqlite_autoincrement=True,
)
Index(
    "uq_instance_primary",
    instance.c.series_id,
    instance.c.sop_instance_uid,
    unique=True,
    sqlite_where=instance.c.is_primary,
    postgresql_where=instance.c.is_primary,
)

revision = Table(
    "revision",
    metadata,
    Column("series_id", Id, ForeignKey("series.id"), primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("completeness", Word, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("remarks", Json, nullable=False),
    Column("closed_at", UtcDateTime, nullable=False),
    Column("evidence", Json, nullable=False, default=dict),
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("series_id", Id, primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    # The index is for instances that are deleted: no snapshot may hold them.
    Column("instance_id", Id, ForeignKey("instance.id"), primary_key=True, autoincrement=False, index=True),
)

job = Table(
    "job",
    metadata,
    _id(),
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


result_set = Table(
    "result_set",
    metadata,
    _id(),
    Column("job_id", Id, ForeignKey("job.id"), nullable=False, index=True),
    Column("series_id", Id, ForeignKey("series.id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("bundle", String(255)),
    Column("identity", Digest, nullable=False),
    Column("outcome", Word, nullable=False),
    Column("reason", Word),
    Column("score", Double),
    Column("device", String(255)),
    Column("detail", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("kind", Word, nullable=False, default="analysis"),
    Column("replaces", Id, index=True),
    # When the files of its objects were removed after their time.
    Column("removed_at", UtcDateTime),
    sqlite_autoincrement=True,
)
Index(
    "ix_result_set_with_files",
    result_set.c.created_at,
    sqlite_where=result_set.c.removed_at.is_(None),
    postgresql_where=result_set.c.removed_at.is_(None),
)

result_object = Table(
    "result_object",
    metadata,
    _id(),
    Column("result_set_id", Id, ForeignKey("result_set.id"), nullable=False),
    Column("role", Word, nullable=False),
    Column("sop_class_uid", Uid, nullable=False),
    Column("sop_instance_uid", Uid, nullable=False, index=True),
    Column("sha256", Digest, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("profile", Digest, nullable=False, default=""),
    Column("variant_of", Uid),
    UniqueConstraint("result_set_id", "sop_instance_uid"),
)

delivered_object = Table(
    "delivered_object",
    metadata,
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True, autoincrement=False),
    Column("sop_instance_uid", Uid, primary_key=True),
    Column("status", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("proven_at", UtcDateTime),
)

# A request for storage commitment and what came of it (PS3.4 J).
commitment = Table(
    "commitment",
    metadata,
    Column("transaction_uid", Uid, primary_key=True),
    Column("job_id", Id, ForeignKey("job.id"), nullable=False, index=True),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    # When it was no longer waited for. What it still says counts, but not that an object is missing.
    Column("closed_at", UtcDateTime),
)

commitment_item = Table(
    "commitment_item",
    metadata,
    Column("transaction_uid", Uid, ForeignKey("commitment.transaction_uid"), primary_key=True),
    Column("sop_instance_uid", Uid, primary_key=True),
    # Failure Reason (0008,1197); 0: the destination keeps it; none: no answer yet.
    Column("failure", Integer),
)

# How a destination is doing, as its courier sees it.
destination_state = Table(
    "destination_state",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("is_open", Boolean, nullable=False),
    Column("reason", Word),
    Column("failures", Integer, nullable=False, default=0),
    Column("since", UtcDateTime, nullable=False),
    Column("probe_at", UtcDateTime),
    Column("answered_at", UtcDateTime),
)

# What a person has stopped: intake, inference, delivery.
pause = Table(
    "pause",
    metadata,
    Column("name", Word, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("note", String(255), nullable=False, default=""),
    Column("person", String(128), nullable=False, default=""),
)

# What readers say about our results, by objects that came back.
feedback = Table(
    "feedback",
    metadata,
    _id(),
    Column("sop_instance_uid", Uid, nullable=False),
    Column("about_uid", Uid, nullable=False),
    Column("job_id", Id, ForeignKey("job.id"), nullable=False, index=True),
    Column("opinion", Word, nullable=False),
    Column("title", String(128), nullable=False),
    Column("calling_ae", String(64), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    UniqueConstraint("sop_instance_uid", "about_uid"),
    sqlite_autoincrement=True,
)

# Which version of an installed bundle is the one that new jobs get: the newest row of its name counts.
bundle_choice = Table(
    "bundle_choice",
    metadata,
    _id(),
    Column("name", String(255), nullable=False, index=True),
    # None: nothing of this name is used from now on.
    Column("version", String(255)),
    Column("sha256", Digest),
    # How it came about: activated, rolled back, deactivated.
    Column("kind", Word, nullable=False),
    Column("chosen_at", UtcDateTime, nullable=False),
    Column("person", String(128), nullable=False),
    sqlite_autoincrement=True,
)

# What each analysis was like, for drift: scores by label, and numbers about what the model was shown.
analysis_fact = Table(
    "analysis_fact",
    metadata,
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("bundle", String(255), nullable=False),
    Column("bundle_version", String(255), nullable=False),
    Column("bundle_sha256", Digest, nullable=False),
    # Key of the scanner: AE title that sent it, and maker, model and station as the images say.
    Column("scanner", String(255), nullable=False),
    Column("outcome", Word, nullable=False),
    # [label, score] pairs, the deciding label first.
    Column("scores", Json, nullable=False),
    Column("inputs", Json, nullable=False),
    # With the job, so that bundles and scanners are counted from the index alone.
    Index("ix_analysis_fact_pair", "bundle_sha256", "scanner", "at", "job_id"),
)

# What a bundle on a scanner is compared with, where a person has said so; the newest row of the two counts.
drift_baseline = Table(
    "drift_baseline",
    metadata,
    _id(),
    Column("bundle_sha256", Digest, nullable=False),
    Column("scanner", String(255), nullable=False),
    # None: the first analyses count again.
    Column("begins_at", UtcDateTime),
    Column("ends_at", UtcDateTime),
    Column("set_at", UtcDateTime, nullable=False),
    Column("person", String(128), nullable=False, default=""),
    sqlite_autoincrement=True,
)

event = Table(
    "event",
    metadata,
    _id(),
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

sighting = Table(
    "sighting",
    metadata,
    _id(),
    Column("calling_ae", String(64), nullable=False),
    Column("called_ae", String(64), nullable=False),
    Column("address", String(255), nullable=False),
    Column("reason", Word, nullable=False),
    Column("admitted", Boolean, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("count", BigInteger, nullable=False),
    UniqueConstraint("calling_ae", "called_ae", "address", "reason", "admitted"),
)

# The processes of the service, as each says of itself every few seconds; those that ended stay for a while.
component = Table(
    "component",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("role", Word, nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    # How often it was started under this name.
    Column("starts", Integer, nullable=False),
    # Numbers and words for the metrics: counters since its start, and how things stand.
    Column("facts", Json, nullable=False),
)

# What is wrong, each with a beginning and an end; open ones are those without an end.
alarm = Table(
    "alarm",
    metadata,
    _id(),
    Column("kind", Word, nullable=False),
    # What it is about: name of a scanner, destination, bundle, certificate; empty where there is only one.
    Column("subject", String(255), nullable=False),
    Column("detail", Json, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    # What the webhook was told of: nothing yet, the beginning, the end.
    Column("told", Word, nullable=False),
    Index("ix_alarm_ended_at", "ended_at"),
    sqlite_autoincrement=True,
)
Index(
    "uq_alarm_open",
    alarm.c.kind,
    alarm.c.subject,
    unique=True,
    sqlite_where=alarm.c.ended_at.is_(None),
    postgresql_where=alarm.c.ended_at.is_(None),
)

# Who may sign in to the console.
account = Table(
    "account",
    metadata,
    Column("name", String(64), primary_key=True),
    # argon2id, with its parameters and salt.
    Column("password", String(255), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# Who is signed in. The token itself is only in the browser.
sign_in = Table(
    "sign_in",
    metadata,
    Column("token_sha256", Digest, primary_key=True),
    Column("person", String(128), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# What holds for the site as a whole, whichever host asks: the identity of its spool.
site_fact = Table(
    "site_fact",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(255), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)

# The processes that have a folder in a spool that several hosts write to.
spool_writer = Table(
    "spool_writer",
    metadata,
    Column("name", String(255), primary_key=True),
    # Host and boot: on the same one the lock of its folder says whether it lives.
    Column("machine", String(255), nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    # The process that found it dead and brings in what it left.
    Column("taken_by", String(255)),
)
