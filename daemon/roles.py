"""The roles a process can take (fixed names: scripts rely on them)."""

from enum import StrEnum


class Role(StrEnum):
    """What a process does; ``hounsfield run`` runs all of them, each in a process of its own."""

    RECEIVER = "receiver"
    """Answers C-STORE and C-ECHO, writes the spool."""
    ASSEMBLER = "assembler"
    """Closes series, judges whether they are complete, queues jobs."""
    WORKER = "worker"
    """The only process with TensorFlow: reads, analyses, builds the results."""
    COURIER = "courier"
    """Delivers results, proves it and notifies, again and again if need be."""
    CONSOLE = "console"
    """Serves the web pages, metrics and health."""


DEFAULT_ROLES = (Role.RECEIVER, Role.ASSEMBLER, Role.WORKER, Role.COURIER, Role.CONSOLE)
"""What ``hounsfield run`` starts, in this order."""
