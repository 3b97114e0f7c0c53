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

    @property
    def wakes(self) -> bool:
        """Whether a job that becomes due is told to the queue in the database."""
        return self.engine == "procrastinate"
