"""Checkers that pip installs beside pytest: they are there wherever the tests are."""

import subprocess
import sys
from pathlib import Path


def run_installed(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment to its end; the exit status is the caller's."""
    command = [Path(sys.executable).parent / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
