"""Alembic's entry: runs in the connection and transaction that ``hounsfield.storage.schema`` hands over."""

from alembic import context
from sqlalchemy import Connection

from hounsfield.storage.tables import metadata


def _run() -> None:
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise RuntimeError("run migrations with `hounsfield db upgrade`")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
