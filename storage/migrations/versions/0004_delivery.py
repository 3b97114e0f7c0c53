"""Result profiles, proof of delivery, the state of destinations, pauses, feedback from readers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_DELIVER_ONLY = sa.text("kind = 'DELIVER'")
_DELIVER_AND_NOTIFY = sa.text("kind IN ('DELIVER', 'NOTIFY')")


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("result_set", sa.Column("kind", sa.String(32), nullable=False, server_default="analysis"))
    op.add_column("result_set", sa.Column("replaces", Id))
    op.create_index("ix_result_set_replaces", "result_set", ["replaces"])
    op.add_column("result_object", sa.Column("profile", sa.String(64), nullable=False, server_default=""))
    op.add_column("result_object", sa.Column("variant_of", sa.String(64)))
    op.add_column("delivered_object", sa.Column("proven_at", _moment()))
    op.create_index("ix_job_destination", "job", ["destination", "state"])
    _replace_unique(["result_set_id", "kind", "destination"], _DELIVER_AND_NOTIFY)
    _create_commitments()
    op.create_table(
        "destination_state",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("since", _moment(), nullable=False),
        sa.Column("probe_at", _moment()),
        sa.Column("answered_at", _moment()),
    )
    op.create_table(
        "pause",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("since", _moment(), nullable=False),
        sa.Column("note", sa.String(255), nullable=False),
        sa.Column("person", sa.String(128), nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("id", Id, primary_key=True),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("about_uid", sa.String(64), nullable=False),
        sa.Column("job_id", Id, sa.ForeignKey("job.id"), nullable=False, index=True),
        sa.Column("opinion", sa.String(32), nullable=False),
        sa.Column("title", sa.String(128), nullable=False),
        sa.Column("calling_ae", sa.String(64), nullable=False),
        sa.Column("received_at", _moment(), nullable=False),
        sa.UniqueConstraint("sop_instance_uid", "about_uid"),
        sqlite_autoincrement=True,
    )


def _create_commitments() -> None:
    op.create_table(
        "commitment",
        sa.Column("transaction_uid", sa.String(64), primary_key=True),
        sa.Column("job_id", Id, sa.ForeignKey("job.id"), nullable=False, index=True),
        sa.Column("requested_at", _moment(), nullable=False),
        sa.Column("answered_at", _moment()),
        sa.Column("closed_at", _moment()),
    )
    op.create_table(
        "commitment_item",
        sa.Column("transaction_uid", sa.String(64), sa.ForeignKey("commitment.transaction_uid"), primary_key=True),
        sa.Column("sop_instance_uid", sa.String(64), primary_key=True),
        sa.Column("failure", sa.Integer),
    )


def downgrade() -> None:
    newer = sa.text(
        "SELECT 1 FROM result_set WHERE kind <> 'analysis' UNION SELECT 1 FROM job WHERE kind = 'NOTIFY' OR "
        "(kind = 'DELIVER' AND state = 'HELD') UNION SELECT 1 FROM result_object WHERE profile <> ''"
    )
    if op.get_bind().execute(newer).first() is not None:
        raise RuntimeError("reissued, retracted and held results have no place in schema 0003: restore its backup")
    for name in ("feedback", "pause", "destination_state", "commitment_item", "commitment"):
        op.drop_table(name)
    _replace_unique(["result_set_id", "destination"], _DELIVER_ONLY)
    op.drop_index("ix_job_destination", "job")
    op.drop_column("delivered_object", "proven_at")
    op.drop_column("result_object", "variant_of")
    op.drop_column("result_object", "profile")
    op.drop_index("ix_result_set_replaces", "result_set")
    op.drop_column("result_set", "replaces")
    op.drop_column("result_set", "kind")


def _replace_unique(columns: list[str], condition: sa.TextClause) -> None:
    op.drop_index("uq_job_deliver", "job")
    op.create_index("uq_job_deliver", "job", columns, unique=True, sqlite_where=condition, postgresql_where=condition)
