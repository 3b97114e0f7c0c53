"""The section about work that several hosts share."""

from typing import Literal

from hounsfield.daemon.config.fields import Section, setting


class QueueSettings(Section):
    """How processes learn that there is work, and which is first. The job log decides who does it."""

    engine: Literal["embedded", "procrastinate"] = setting(
        "embedded",
        'How work is taken up. "embedded": every process looks into the database, which suits one machine. '
        '"procrastinate": PostgreSQL wakes the processes of all hosts that share it, and `hounsfield db upgrade` makes '
        "the tables for it.",
    )
    patience_minutes: float = setting(
        30.0,
        "A routine job that has waited so long is no longer passed over without end: see patient_share.",
        unit="minutes",
        ge=0,
        le=1440,
    )
    patient_share: int = setting(
        4,
        "STAT jobs go first; but of so many jobs one is a routine job that has waited for patience_minutes.",
        ge=2,
        le=100,
    )

    @property
    def wakes(self) -> bool:
        """Whether a job that becomes due is told to the queue in the database."""
        return self.engine == "procrastinate"


def engine_without_database(queue: QueueSettings, database_url: str) -> tuple[str, str, str] | None:
    """Return key, what is wrong and what is allowed where the engine does not work on the database; None if it does."""
    if queue.engine == "embedded" or database_url.startswith("postgresql"):
        return None
    return (
        "queue.engine",
        f'"{queue.engine}" works with PostgreSQL only, and storage.database_url names none',
        'set storage.database_url = "postgresql://USER@HOST/DATABASE", or engine = "embedded"',
    )
