"""Rules, parts and subjects: why a series went where it went, and which results follow each other."""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Json = sa.JSON().with_variant(JSONB, "postgresql")

_BATCH = 1000
_INFER = sa.text("kind = 'INFER'")


def upgrade() -> None:
    op.add_column("series", sa.Column("rule", sa.String(64)))
    op.add_column("series", sa.Column("waived", Json, nullable=False, server_default="[]"))
    op.add_column("revision", sa.Column("evidence", Json, nullable=False, server_default="{}"))
    op.add_column("job", sa.Column("part", sa.String(64), nullable=False, server_default=""))
    op.add_column("job", sa.Column("subject", sa.String(64), nullable=False, server_default=""))
    op.add_column("job", sa.Column("rule", sa.String(64)))
    op.add_column("job", sa.Column("shadow", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("job", sa.Column("destinations", Json))
    op.add_column("job", sa.Column("verdict", Json))
    _fill_subjects()
    op.create_index("ix_series_study_uid", "series", ["study_uid"])
    op.create_index("ix_snapshot_instance_id", "snapshot", ["instance_id"])
    op.create_index("ix_association_opened_at", "association", ["opened_at"])
    op.create_index("ix_instance_sop_instance_uid", "instance", ["sop_instance_uid"])
    op.create_index("ix_job_subject", "job", ["subject", "bundle", "id"])
    _replace_unique(["series_id", "revision", "bundle", "bundle_version", "part"])


def _fill_subjects() -> None:
    """Earlier results are about their series as a whole. Neither engine has SHA-256 of its own at every version."""
    connection = op.get_bind()
    job = sa.table("job", sa.column("id"), sa.column("kind"), sa.column("series_id"), sa.column("subject"))
    series = sa.table("series", sa.column("id"), sa.column("series_uid"))
    query = (
        sa.select(job.c.id, series.c.series_uid)
        .join(series, series.c.id == job.c.series_id)
        .where(job.c.kind == "INFER", job.c.id > sa.bindparam("after"))
        .order_by(job.c.id)
        .limit(_BATCH)
    )
    fill = sa.update(job).where(job.c.id == sa.bindparam("row_id")).values(subject=sa.bindparam("filled"))
    after = 0
    while rows := connection.execute(query, {"after": after}).all():
        after = rows[-1].id
        filled = [{"row_id": row.id, "filled": sha256(row.series_uid.encode()).hexdigest()} for row in rows]
        connection.execute(fill, filled)


def downgrade() -> None:
    several = sa.text("SELECT 1 FROM job WHERE part <> '' LIMIT 1")
    if op.get_bind().execute(several).first() is not None:
        raise RuntimeError("results about parts of a series have no place in schema 0002: restore its backup")
    _replace_unique(["series_id", "revision", "bundle", "bundle_version"])
    op.drop_index("ix_job_subject", "job")
    op.drop_index("ix_snapshot_instance_id", "snapshot")
    op.drop_index("ix_association_opened_at", "association")
    op.drop_index("ix_instance_sop_instance_uid", "instance")
    op.drop_index("ix_series_study_uid", "series")
    for name in ("verdict", "destinations", "shadow", "rule", "subject", "part"):
        op.drop_column("job", name)
    op.drop_column("revision", "evidence")
    op.drop_column("series", "waived")
    op.drop_column("series", "rule")


def _replace_unique(columns: list[str]) -> None:
    op.drop_index("uq_job_infer", "job")
    op.create_index("uq_job_infer", "job", columns, unique=True, sqlite_where=_INFER, postgresql_where=_INFER)
