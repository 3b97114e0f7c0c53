"""The tables that Procrastinate needs, as the installed version ships them."""

from pathlib import Path

from procrastinate.schema import SchemaManager

from hounsfield.storage.queue_schema import QueueSchema, Version


def shipped_schema() -> QueueSchema:
    """Return the installed version's tables, and the changes that lead to them."""
    files = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    changes = tuple((_version(file), file.read_text(encoding="utf-8")) for file in files)
    return QueueSchema(script=SchemaManager.get_schema(), version=changes[-1][0], changes=changes)


def _version(file: Path) -> Version:
    """Return the version in a name such as ``03.04.00_01_pre_add_retry.sql``: release, then number of the change."""
    release, number, _ = file.name.split("_", 2)
    return (*(int(part) for part in release.split(".")), int(number))
