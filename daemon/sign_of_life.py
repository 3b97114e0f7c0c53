"""The sign of life of a service that no service manager listens to: a file with the time when it last turned.

In a container nobody hears sd_notify. Where :data:`VARIABLE` names a file, whoever would tell the watchdog of a service
manager writes it there too, and ``hounsfield health`` reads it. The time is that of the kernel's monotonic clock, which
processes share and nobody sets.
"""

import os
from pathlib import Path

VARIABLE = "HOUNSFIELD_SIGN_OF_LIFE"
"""Of the environment: names the file."""
BEAT_SECONDS = 10.0
"""How often it is written."""
SILENCE_SECONDS = 60.0
"""A service that was silent for so long hangs."""


def sign_file() -> Path | None:
    """Return the file; None where none is wanted."""
    name = os.environ.get(VARIABLE)
    return Path(name) if name else None


def write_sign(file: Path, now: float) -> None:
    """Say that the service turns; ``now`` in seconds of the monotonic clock. Raises OSError."""
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    beside.write_text(f"{now:.3f}\n", encoding="ascii")
    beside.replace(file)


def silence(file: Path, now: float) -> float | None:
    """Return for how many seconds nothing was heard; None where nothing was heard since this machine started."""
    try:
        said = float(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return now - said if said <= now else None
