"""What people see and do: lists that page fast, processes, alarms, accounts, and events of the service itself."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Json = sa.JSON().with_variant(JSONB, "postgresql")
_OPEN = sa.text("ended_at IS NULL")
_JOB_INDEXES = {
    "ix_job_state_id": ["state", "id"],
    "ix_job_kind_id": ["kind", "id"],
    "ix_job_outcome_id": ["outcome", "id"],
    "ix_job_reason_id": ["reason", "id"],
    "ix_job_scanner_id": ["scanner", "id"],
    "ix_job_scanner_state_id": ["scanner", "state", "id"],
    "ix_job_scanner_outcome_id": ["scanner", "outcome", "id"],
    "ix_job_scanner_bundle_id": ["scanner", "bundle", "id"],
    "ix_job_bundle_id": ["bundle", "id"],
    "ix_job_destination_id": ["destination", "id"],
    "ix_job_destination_state_id": ["destination", "state", "id"],
    "ix_job_created_at": ["created_at"],
    "ix_job_updated_at": ["updated_at"],
}
_EVENT_INDEXES = {
    "ix_event_at": ["at"],
    "ix_event_to_state_id": ["to_state", "id"],
    "ix_event_stage_id": ["stage", "id"],
}
_REMOVALS = (
    ("series", "images_removed_at", "ix_series_with_images", "id"),
    ("instance", "removed_at", None, None),
    ("result_set", "removed_at", "ix_result_set_with_files", "created_at"),
)
_FIRST_SENDER = (
    "COALESCE((SELECT i.calling_ae FROM instance i WHERE i.series_id = series.id ORDER BY i.id LIMIT 1), '')"
)


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    _name_scanners()
    for name, columns in _JOB_INDEXES.items():
        op.create_index(name, "job", columns)
    op.drop_index("ix_job_destination", "job")
    _index_subjects("subject", "bundle")
    op.drop_index("ix_series_state", "series")
    op.create_index("ix_series_state_id", "series", ["state", "id"])
    op.create_index("ix_series_reason_id", "series", ["reason", "id"])
    op.create_index("ix_series_first_received_at", "series", ["first_received_at"])
    _change_events(nullable=True)
    for name, columns in _EVENT_INDEXES.items():
        op.create_index(name, "event", columns)
    _note_removals()
    _create_tables()


def _index_subjects(*columns: str) -> None:
    # Beside "kind, id" SQLite takes no notice of an index that ends with the id, which all of its indexes do anyway.
    op.drop_index("ix_job_subject", "job")
    op.create_index("ix_job_subject", "job", list(columns))


def _name_scanners() -> None:
    op.add_column("series", sa.Column("scanner", sa.String(64), nullable=False, server_default=""))
    op.add_column("series", sa.Column("handle", sa.String(14)))
    op.add_column("series", sa.Column("accession", sa.String(14)))
    op.add_column("job", sa.Column("scanner", sa.String(64), nullable=False, server_default=""))
    op.execute(f"UPDATE series SET scanner = {_FIRST_SENDER}")  # noqa: S608 - a constant
    op.execute("UPDATE job SET scanner = (SELECT s.scanner FROM series s WHERE s.id = job.series_id)")
    for column in ("scanner", "handle", "accession"):
        op.create_index(f"ix_series_{column}", "series", [column])


def _note_removals() -> None:
    for table, column, index, indexed in _REMOVALS:
        op.add_column(table, sa.Column(column, _moment()))
        if index and indexed:
            here = sa.text(f"{column} IS NULL")
            op.create_index(index, table, [indexed], sqlite_where=here, postgresql_where=here)


def _change_events(*, nullable: bool) -> None:
    with op.batch_alter_table("event", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.alter_column("series_id", existing_type=Id, nullable=nullable)


def _create_tables() -> None:
    op.create_table(
        "component",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("started_at", _moment(), nullable=False),
        sa.Column("seen_at", _moment(), nullable=False),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("facts", Json, nullable=False),
    )
    op.create_table(
        "alarm",
        sa.Column("id", Id, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("began_at", _moment(), nullable=False),
        sa.Column("ended_at", _moment()),
        sa.Column("told", sa.String(32), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alarm_ended_at", "alarm", ["ended_at"])
    op.create_index(
        "uq_alarm_open", "alarm", ["kind", "subject"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_table(
        "account",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("changed_at", _moment(), nullable=False),
    )
    op.create_table(
        "sign_in",
        sa.Column("token_sha256", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(128), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("began_at", _moment(), nullable=False),
        sa.Column("seen_at", _moment(), nullable=False),
        sa.Column("expires_at", _moment(), nullable=False, index=True),
    )


def downgrade() -> None:
    for name in ("sign_in", "account", "alarm", "component"):
        op.drop_table(name)
    op.execute("DELETE FROM event WHERE series_id IS NULL")
    for name in _EVENT_INDEXES:
        op.drop_index(name, "event")
    for table, column, index, _ in _REMOVALS:
        if index:
            op.drop_index(index, table)
        op.drop_column(table, column)
    _change_events(nullable=False)
    op.drop_index("ix_series_first_received_at", "series")
    op.drop_index("ix_series_reason_id", "series")
    op.drop_index("ix_series_state_id", "series")
    op.create_index("ix_series_state", "series", ["state"])
    for name in _JOB_INDEXES:
        op.drop_index(name, "job")
    op.create_index("ix_job_destination", "job", ["destination", "state"])
    _index_subjects("subject", "bundle", "id")
    op.drop_column("job", "scanner")
    for column in ("scanner", "handle", "accession"):
        op.drop_index(f"ix_series_{column}", "series")
        op.drop_column("series", column)
