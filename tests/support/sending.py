"""Sends files as scanners do, with DCMTK's programs."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from support.peers import run_tool


def dcmsend(port: int, files: Sequence[Path], calling: str = "SCANNER", called: str = "HOUNSFIELD") -> None:
    """Store files as they are; the test fails unless every one was accepted."""
    done = run_tool("dcmsend", "-aet", calling, "-aec", called, "127.0.0.1", str(port), *files)
    assert done.returncode == 0, done.stderr[-2000:]


def storescu(port: int, files: Sequence[Path], *options: str) -> subprocess.CompletedProcess[str]:
    """Store files with the older program; options choose what it proposes."""
    return run_tool("storescu", *options, "-aec", "HOUNSFIELD", "127.0.0.1", str(port), *files)
