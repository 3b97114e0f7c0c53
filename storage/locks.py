"""What hosts lock in the PostgreSQL that they share: the numbers of all our advisory locks (manual, 13.3.5).

Those of a transaction end with it; they are taken here. Those of a session end with its connection:
:mod:`hounsfield.storage.advisory_lock` and :mod:`hounsfield.storage.election`.
"""

from enum import IntEnum, unique

from sqlalchemy import Connection, text


@unique
class LockKey(IntEnum):
    """Any numbers that no other program takes; another version beside us must know a lock by the same one."""

    ALARM_MESSENGER = 0x484F554D
    """Office: who tells of alarms."""
    ASSEMBLER = 0x484F5541
    """Office: who closes series."""
    EVENT_LOG = 0x484F554E
    """Whoever appends to it: ids become visible in their order."""
    QUEUE_TABLES = 0x484F5551
    """Whoever makes or changes the tables of the queue."""
    RECALLS = 0x484F5252
    """Whoever takes results back or has them written anew."""
    SCHEMA = 0x484F5553
    """Whoever changes the schema."""
    SIGHTINGS = 0x50454552
    """Whoever adds to those who were seen."""
    SPOOL = 0x484F5550
    """Who files images, and who deletes them."""
    SUBJECTS = 0x484F5355
    """First half; the second one is made of the subject."""


def hold_until_commit(connection: Connection, key: LockKey, half: int | None = None) -> None:
    """Let nobody else hold this lock until the transaction ends; SQLite has one writer at a time anyway.

    ``half``: 32 bits, signed, that tell locks of one kind apart.
    """
    if connection.dialect.name != "postgresql":
        return
    if half is None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": int(key)})
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key, :half)"), {"key": int(key), "half": half})
