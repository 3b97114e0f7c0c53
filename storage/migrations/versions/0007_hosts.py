"""Several hosts: what the site as a whole knows of itself, and who writes to the spool."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site_fact",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(255), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "spool_writer",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("machine", sa.String(255), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.String(255)),
    )


def downgrade() -> None:
    op.drop_table("spool_writer")
    op.drop_table("site_fact")
