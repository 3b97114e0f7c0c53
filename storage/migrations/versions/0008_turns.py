"""Turns: the order in which jobs are claimed, with a fair share for each scanner."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('AVAILABLE', 'RETRYABLE')")
_INDEXES = {
    "ix_job_turn": ["kind", "destination", "priority", "turn", "id", "available_at"],
    "ix_job_lane": ["kind", "destination", "priority", "scanner", "turn"],
}


def upgrade() -> None:
    # Jobs that are open now share turn 0: they go first, in the order of their ids.
    op.add_column("job", sa.Column("turn", sa.BigInteger(), nullable=False, server_default="0"))
    for name, columns in _INDEXES.items():
        op.create_index(name, "job", columns, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_table(
        "turn",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("destination", sa.String(255), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("reached", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("passed", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("kind", "destination", "priority", name="pk_turn"),
    )


def downgrade() -> None:
    op.drop_table("turn")
    for name in _INDEXES:
        op.drop_index(name, "job")
    op.drop_column("job", "turn")
