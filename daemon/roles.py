"""The roles a process can take (fixed names: scripts rely on them)."""

from enum import StrEnum


class Role(StrEnum):
    """What a process does; ``hounsfield run`` runs all of them, each in a process of its own."""

    RECEIVER = "receiver"
    ASSEMBLER = "assembler"
    WORKER = "worker"
    COURIER = "courier"
    CONSOLE = "console"


DEFAULT_ROLES = (Role.RECEIVER, Role.ASSEMBLER, Role.WORKER, Role.COURIER, Role.CONSOLE)
"""What ``hounsfield run`` starts, in this order."""
