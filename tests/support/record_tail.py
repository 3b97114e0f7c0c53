"""Writes docs/jobs-tail.md from a real run of the demonstration.

    PYTHONPATH=tests .venv/bin/python -m support.record_tail

Paths and the name of this machine are cut out; everything else stands there as it was printed.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from support.waiting import wait_until

DOCUMENT = Path(__file__).parents[2] / "docs" / "jobs-tail.md"
PROGRAM = (sys.executable, "-m", "hounsfield.daemon.cli.main")
AFTERWARDS = (("jobs", "list"), ("jobs", "show", "1"), ("jobs", "stats"), ("top", "--once"))
HEAD = """# What the command line shows

A recording of `hounsfield jobs tail -f` while `hounsfield demo` sends three generated heads (with a haemorrhage,
without one, with slices missing), and of what other commands say afterwards. No patient, no machine of anybody: it is
written by `PYTHONPATH=tests .venv/bin/python -m support.record_tail`.
"""


def record(folder: Path) -> list[tuple[str, str]]:
    """Run it in ``folder``; return each command with what it printed."""
    home = folder / "home"
    environment = {**os.environ, "HOUNSFIELD_STORAGE__HOME": str(home), "NO_COLOR": "1"}
    environment["HOUNSFIELD_ALARMS__DISK_PERCENT"] = "0"  # how full this machine is, is nobody's matter
    demo = subprocess.Popen([*PROGRAM, "demo", "--output", str(folder), "--time-limit", "900"], env=environment)
    try:
        wait_until(lambda: (home / "hounsfield.db").exists() or demo.poll() is not None, 300)
        tail = subprocess.Popen(
            [*PROGRAM, "jobs", "tail", "-f", "-n", "1000"], env=environment, stdout=subprocess.PIPE, text=True
        )
        demo.wait(1200)
        tail.send_signal(signal.SIGINT)
        printed, _ = tail.communicate(timeout=60)
    finally:
        demo.kill()
    seen = [("jobs tail -f", printed)]
    for words in AFTERWARDS:
        done = subprocess.run([*PROGRAM, *words], env=environment, capture_output=True, text=True, check=True)
        seen.append((" ".join(words), done.stdout))
    return [(command, _of_nowhere(text, folder)) for command, text in seen]


def _of_nowhere(text: str, folder: Path) -> str:
    return text.replace(str(folder), "~/hounsfield/demo-output").replace(socket.gethostname(), "gateway")


def document(seen: list[tuple[str, str]]) -> str:
    """Return the page."""
    parts = [f"\n## `hounsfield {command}`\n\n```text\n{_stripped(text)}\n```\n" for command, text in seen]
    return HEAD + "".join(parts)


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        DOCUMENT.write_text(document(record(Path(name) / "demo")), encoding="utf-8")
    print(f"{DOCUMENT.name} written")  # noqa: T201 - a command
