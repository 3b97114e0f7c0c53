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
