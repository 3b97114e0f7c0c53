"""Scanners: DCMTK's storescu as it comes, one process and one association for each study, all at once."""

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from studies import Study

_ANSWER = b"Received Store Response"
_SUCCESS = b"(Success)"


class NotTaken(Exception):
    """A receiver did not take an image."""


@dataclass(slots=True)
class Scanner:
    """One storescu, watched by a thread."""

    study: Study
    process: "subprocess.Popen[bytes]"
    answers: int = 0
    last: float = 0.0
    """When the last answer came (time.perf_counter)."""
    words: bytes = b""

    def watch(self) -> None:
        """Note each answer; returns when the program has ended."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if _ANSWER in line:
                self.last = time.perf_counter()
                self.answers += _SUCCESS in line
            self.words = line
        self.process.wait()


def send(studies: Sequence[Study], port: int, ae_title: str, seconds: float) -> dict[str, float]:
    """Send all studies at once; return when the last image of each, by study, was acknowledged. Raises NotTaken."""
    scanners = [Scanner(one, _started(one, port, ae_title)) for one in studies]
    watchers = [threading.Thread(target=scanner.watch) for scanner in scanners]
    until = time.monotonic() + seconds
    try:
        for watcher in watchers:
            watcher.start()
        for watcher in watchers:
            watcher.join(max(0.0, until - time.monotonic()))
    finally:
        for scanner in scanners:
            scanner.process.kill()
        for watcher in watchers:
            watcher.join()
    for scanner in scanners:
        if scanner.answers < len(scanner.study.files):
            said = scanner.words.decode(errors="replace").strip()
            raise NotTaken(f"{scanner.answers} of {len(scanner.study.files)} images were taken: {said}")
    return {scanner.study.uid: scanner.last for scanner in scanners}


def _started(study: Study, port: int, ae_title: str) -> "subprocess.Popen[bytes]":
    command = ["storescu", "--verbose", "--aetitle", f"CT{int(study.patient[-6:])}", "--call", ae_title]
    command += ["127.0.0.1", str(port), *map(str, study.files)]
    environment = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
