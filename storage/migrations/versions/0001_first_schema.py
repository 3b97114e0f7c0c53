"""First schema: series, instances, jobs, results, events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Json = sa.JSON().with_variant(JSONB, "postgresql")
Time = sa.DateTime(timezone=True)


def upgrade() -> None:
    _series_tables()
    _job_tables()
    _result_tables()
    _event_table()


def _series_tables() -> None:
    op.create_table(
        "association",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("receiver", sa.String(255), nullable=False),
        sa.Column("calling_ae", sa.String(64), nullable=False),
        sa.Column("called_ae", sa.String(64), nullable=False),
        sa.Column("peer_address", sa.String(255), nullable=False),
        sa.Column("opened_at", Time, nullable=False),
        sa.Column("ending", sa.String(32), nullable=False),
        sa.Column("ended_at", Time),
        sa.PrimaryKeyConstraint("id", name="pk_association"),
    )
    op.create_index("ix_association_ending", "association", ["ending"])
    op.create_table(
        "series",
        sa.Column("id", Id, nullable=False),
        sa.Column("series_uid", sa.String(64), nullable=False),
        sa.Column("study_uid", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("completeness", sa.String(32)),
        sa.Column("reason", sa.String(32)),
        sa.Column("remarks", Json, nullable=False),
        sa.Column("instances", sa.Integer, nullable=False),
        sa.Column("duplicates", sa.Integer, nullable=False),
        sa.Column("variants", sa.Integer, nullable=False),
        sa.Column("first_received_at", Time, nullable=False),
        sa.Column("last_received_at", Time, nullable=False),
        sa.Column("touched_at", Time, nullable=False),
        sa.Column("receiving_since", Time, nullable=False),
        sa.Column("closed_at", Time),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.UniqueConstraint("series_uid", name="uq_series_series_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_series_state", "series", ["state"])
    op.create_table(
        "instance",
        sa.Column("id", Id, nullable=False),
        sa.Column("series_id", Id, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("sop_class_uid", sa.String(64), nullable=False),
        sa.Column("study_uid", sa.String(64), nullable=False),
        sa.Column("transfer_syntax", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("calling_ae", sa.String(64), nullable=False),
        sa.Column("called_ae", sa.String(64), nullable=False),
        sa.Column("peer_address", sa.String(255), nullable=False),
        sa.Column("association_id", sa.String(64), nullable=False),
        sa.Column("received_at", Time, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("is_primary", sa.Boolean, nullable=False),
        sa.Column("copies", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instance"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_instance_series_id"),
        sa.UniqueConstraint("digest", name="uq_instance_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_instance_association_id", "instance", ["association_id"])
    op.create_index("ix_instance_series_id", "instance", ["series_id"])
    _partial_unique("uq_instance_primary", "instance", ["series_id", "sop_instance_uid"], "is_primary")
    op.create_table(
        "revision",
        sa.Column("series_id", Id, autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("completeness", sa.String(32), nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("remarks", Json, nullable=False),
        sa.Column("closed_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("series_id", "revision", name="pk_revision"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_revision_series_id"),
    )
    op.create_table(
        "snapshot",
        sa.Column("series_id", Id, autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("instance_id", Id, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("series_id", "revision", "instance_id", name="pk_snapshot"),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"], name="fk_snapshot_instance_id"),
    )


def _job_tables() -> None:
    op.create_table(
        "job",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("series_id", Id, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("bundle", sa.String(255)),
        sa.Column("bundle_version", sa.String(255)),
        sa.Column("bundle_sha256", sa.String(64)),
        sa.Column("destination", sa.String(255)),
        sa.Column("result_set_id", Id),
        sa.Column("outcome", sa.String(32)),
        sa.Column("reason", sa.String(32)),
        sa.Column("score", sa.Double),
        sa.Column("device", sa.String(255)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("proof", sa.String(32), nullable=False),
        sa.Column("available_at", Time, nullable=False),
        sa.Column("give_up_at", Time),
        sa.Column("claimed_at", Time),
        sa.Column("lease_until", Time),
        sa.Column("worker", sa.String(255)),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=False),
        sa.Column("timings", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_job_series_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_due", "job", ["state", "kind", "available_at"])
    op.create_index("ix_job_series_id", "job", ["series_id"])
    key = ["series_id", "revision", "bundle", "bundle_version"]
    _partial_unique("uq_job_infer", "job", key, "kind = 'INFER'")
    _partial_unique("uq_job_deliver", "job", ["result_set_id", "destination"], "kind = 'DELIVER'")


def _result_tables() -> None:
    op.create_table(
        "result_set",
        sa.Column("id", Id, nullable=False),
        sa.Column("job_id", Id, nullable=False),
        sa.Column("series_id", Id, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("bundle", sa.String(255)),
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("score", sa.Double),
        sa.Column("device", sa.String(255)),
        sa.Column("detail", Json, nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_result_set"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_result_set_job_id"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_result_set_series_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_result_set_job_id", "result_set", ["job_id"])
    op.create_index("ix_result_set_series_id", "result_set", ["series_id"])
    op.create_table(
        "result_object",
        sa.Column("id", Id, nullable=False),
        sa.Column("result_set_id", Id, nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("sop_class_uid", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_result_object"),
        sa.ForeignKeyConstraint(["result_set_id"], ["result_set.id"], name="fk_result_object_result_set_id"),
        sa.UniqueConstraint(
            "result_set_id", "sop_instance_uid", name="uq_result_object_result_set_id_sop_instance_uid"
        ),
    )
    op.create_index("ix_result_object_sop_instance_uid", "result_object", ["sop_instance_uid"])
    op.create_table(
        "delivered_object",
        sa.Column("job_id", Id, autoincrement=False, nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "sop_instance_uid", name="pk_delivered_object"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_delivered_object_job_id"),
    )


def _event_table() -> None:
    op.create_table(
        "event",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("series_id", Id, nullable=False),
        sa.Column("job_id", Id),
        sa.Column("kind", sa.String(32)),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("from_state", sa.String(32)),
        sa.Column("to_state", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer),
        sa.Column("worker", sa.String(255)),
        sa.Column("reason", sa.String(32)),
        sa.Column("seconds", sa.Double),
        sa.Column("detail", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_event_series_id"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_event_job_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_job_id", "event", ["job_id"])
    op.create_index("ix_event_series_id", "event", ["series_id"])


def _partial_unique(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)
