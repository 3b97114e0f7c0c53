"""Sends files as scanners do: with DCMTK's programs, and with our own SCU."""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from support.peers import run_tool

from hounsfield.daemon.errors import PeerFailed
from hounsfield.daemon.scu import Outcome, Peer, Sendable, store


def dcmsend(port: int, files: Sequence[Path], calling: str = "SCANNER", called: str = "HOUNSFIELD") -> None:
    """Store files as they are; the test fails unless every one was accepted."""
    done = run_tool("dcmsend", "-aet", calling, "-aec", called, "127.0.0.1", str(port), *files)
    assert done.returncode == 0, done.stderr[-2000:]


def storescu(port: int, files: Sequence[Path], *options: str) -> subprocess.CompletedProcess[str]:
    """Store files with the older program; options choose what it proposes."""
    return run_tool("storescu", *options, "-aec", "HOUNSFIELD", "127.0.0.1", str(port), *files)


def acknowledged(peer: Peer, images: Sequence[Sendable], seconds: float) -> set[str]:
    """Store files once; return the stems of those that were answered with success, none where nobody listens."""
    kept: set[str] = set()

    def note(outcome: Outcome) -> None:
        if outcome.problem is None:
            kept.add(outcome.path.stem)

    with suppress(PeerFailed):
        store(peer, images, note, seconds)
    return kept
