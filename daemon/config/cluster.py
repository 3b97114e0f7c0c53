"""The section about work that several hosts share."""

from typing import Literal

from hounsfield.daemon.config.fields import Section, setting


class QueueSettings(Section):
    """How processes learn that there is work. The job log decides who does it, whatever stands here."""

    engine: Literal["embedded", "procrastinate"] = setting(
        "embedded",
        'How work is taken up. "embedded": every process looks into the database, which suits one machine. '
        '"procrastinate": PostgreSQL wakes the processes of all hosts that share it.',
    )
    patience_minutes: float = setting(
        30.0,
        "A routine job that has waited so long is no longer passed over without end: see patient_share.",
        unit="minutes",
        allowed="0 to 1440",
        ge=0,
        le=1440,
    )
    patient_share: int = setting(
        4,
        "STAT jobs go first; but of so many jobs one is a routine job that has waited for patience_minutes.",
        allowed="2 to 100",
        ge=2,
        le=100,
    )
