"""Analysis identities of spool files, computed by a child process under limits of time and memory.

Decoding hostile pixels must not take the assembler with it (shared rule: decoding happens under limits).
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hounsfield.daemon.errors import IdentityUnavailable
from hounsfield.model.identity import InstanceIdentity


class IdentityReader(Protocol):
    """Gives the analysis identity of each file, and its content: the same without SOP Instance UID."""

    def read(self, paths: Sequence[Path]) -> dict[Path, InstanceIdentity]:
        """Return path -> identity and content; raise :class:`IdentityUnavailable` when one cannot be had."""


class IsolatedIdentityReader:
    """Runs ``python -m hounsfield.model.identity`` once per call."""

    def __init__(self, *, seconds: float, memory_mb: int) -> None:
        self._seconds = seconds
        self._memory_mb = memory_mb

    def read(self, paths: Sequence[Path]) -> dict[Path, InstanceIdentity]:
        """Return path -> identity; the child's crash, time-out or silence raises."""
        command = [sys.executable, "-m", "hounsfield.model.identity", "--memory-mb", str(self._memory_mb)]
        try:
            done = subprocess.run(
                command,
                input="".join(f"{path}\n" for path in paths),
                capture_output=True,
                text=True,
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise IdentityUnavailable(f"comparing {len(paths)} images took over {self._seconds:.0f} s") from None
        except OSError as error:
            raise IdentityUnavailable(f"no process to compare images with ({error.strerror})") from None
        found = _answers(done.stdout)
        if done.returncode != 0 or set(found) != set(paths):
            raise IdentityUnavailable(f"comparing {len(paths)} images failed (exit status {done.returncode})")
        return found


def _answers(text: str) -> dict[Path, InstanceIdentity]:
    """Read what the child wrote; it may have been killed in the middle of a line."""
    try:
        return {
            Path(row["path"]): InstanceIdentity(str(row["identity"]), str(row["content"]))
            for row in map(json.loads, text.splitlines())
        }
    except (ValueError, KeyError, TypeError):
        return {}
