"""A person at a terminal, who waits for a prompt before typing."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PROMPT = ": "


def answered(
    line: Sequence[str], answers: Sequence[str], folder: Path, variables: Mapping[str, str], seconds: float
) -> tuple[int, str]:
    """Do a command at a terminal and type an answer at each prompt; return its status and what was to be read."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        line, cwd=folder, env=variables, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    left, said, end = list(answers), "", time.monotonic() + seconds
    while time.monotonic() < end and (part := _read(ours)) is not None:
        said += part
        if left and said.endswith(PROMPT):
            os.write(ours, f"{left.pop(0)}\n".encode())
    if process.poll() is None and time.monotonic() >= end:
        process.kill()
    os.close(ours)
    return process.wait(60), said


def _read(descriptor: int) -> str | None:
    """Return what there is to read within a moment; None when the other side has ended."""
    if not select.select([descriptor], [], [], 0.2)[0]:
        return ""
    try:
        return os.read(descriptor, 65536).decode(errors="replace") or None
    except OSError:  # Linux says so when the last user of the terminal has ended
        return None
