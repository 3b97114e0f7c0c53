"""What a job leaves: results, how they fared at their destinations, what readers say of them, what drift looks at."""

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from hounsfield.storage.tables.columns import Digest, Id, Json, Uid, UtcDateTime, Word, metadata, row_id

result_set = Table(
    "result_set",
    metadata,
    row_id(),
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
    row_id(),
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

# What readers say about our results, by objects that came back.
feedback = Table(
    "feedback",
    metadata,
    row_id(),
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
    row_id(),
    Column("bundle_sha256", Digest, nullable=False),
    Column("scanner", String(255), nullable=False),
    # None: the first analyses count again.
    Column("begins_at", UtcDateTime),
    Column("ends_at", UtcDateTime),
    Column("set_at", UtcDateTime, nullable=False),
    Column("person", String(128), nullable=False, default=""),
    sqlite_autoincrement=True,
)
