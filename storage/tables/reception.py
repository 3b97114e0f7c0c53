"""What comes in: associations, instances and the series they make; who asked, and who writes to the spool."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from hounsfield.storage.tables.columns import (
    Digest,
    Handle,
    Id,
    Json,
    RuleName,
    Uid,
    UtcDateTime,
    Word,
    metadata,
    row_id,
)

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
    row_id(),
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
    row_id(),
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

sighting = Table(
    "sighting",
    metadata,
    row_id(),
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
