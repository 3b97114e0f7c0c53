"""Which version of a bundle is used, and what each analysis was like."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Json = sa.JSON().with_variant(JSONB, "postgresql")


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "bundle_choice",
        sa.Column("id", Id, primary_key=True),
        sa.Column("name", sa.String(255), nullable=False, index=True),
        sa.Column("version", sa.String(255)),
        sa.Column("sha256", sa.String(64)),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("chosen_at", _moment(), nullable=False),
        sa.Column("person", sa.String(128), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "analysis_fact",
        sa.Column("job_id", Id, sa.ForeignKey("job.id"), primary_key=True, autoincrement=False),
        sa.Column("at", _moment(), nullable=False),
        sa.Column("bundle", sa.String(255), nullable=False),
        sa.Column("bundle_version", sa.String(255), nullable=False),
        sa.Column("bundle_sha256", sa.String(64), nullable=False),
        sa.Column("scanner", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("scores", Json, nullable=False),
        sa.Column("inputs", Json, nullable=False),
    )
    op.create_index("ix_analysis_fact_pair", "analysis_fact", ["bundle_sha256", "scanner", "at", "job_id"])
    op.create_table(
        "drift_baseline",
        sa.Column("id", Id, primary_key=True),
        sa.Column("bundle_sha256", sa.String(64), nullable=False),
        sa.Column("scanner", sa.String(255), nullable=False),
        sa.Column("begins_at", _moment()),
        sa.Column("ends_at", _moment()),
        sa.Column("set_at", _moment(), nullable=False),
        sa.Column("person", sa.String(128), nullable=False),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("drift_baseline")
    op.drop_table("analysis_fact")
    op.drop_table("bundle_choice")
