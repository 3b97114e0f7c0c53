"""Each role as a service of its own, as deploy/systemd/hounsfield@.service runs it: it says when it is ready."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.daemon import READY

RUN = (sys.executable, "-m", "hounsfield.daemon.cli.main", "run", "--role")
QUICK = ("receiver", "assembler", "courier", "console")
SECONDS = 60.0


@contextmanager
def alone(role: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """Run one role on the home that all share; give it with what the service manager hears of it."""
    address = folder / role
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(SECONDS)
        ports = {"HOUNSFIELD_DICOM__PORT": "0", "HOUNSFIELD_CONSOLE__PORT": "0"}
        home = {"HOUNSFIELD_STORAGE__HOME": str(folder / "home")}
        watched = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "2000000"}
        environment = {name: value for name, value in os.environ.items() if name != "WATCHDOG_PID"}
        process = subprocess.Popen(
            [*RUN, role],
            env=environment | ports | home | watched,
            stdout=subprocess.PIPE,
            stderr=(folder / f"{role}.log").open("w"),
            text=True,
        )
        try:
            yield process, manager
        finally:
            process.kill()
            process.wait(10)


def hears(manager: socket.socket, wanted: str) -> list[str]:
    """Return what came before the line that was waited for, and that line; TimeoutError if it does not come."""
    heard = [""]
    while heard[-1] != wanted:
        heard.append(manager.recv(1000).decode())
    return heard[1:]


def test_roles_on_one_home_each_say_that_they_are_ready_go_on_to_beat_and_end_cleanly(tmp_path: Path) -> None:
    with ExitStack() as stack:
        services = {role: stack.enter_context(alone(role, tmp_path)) for role in QUICK}
        for _, manager in services.values():
            hears(manager, "READY=1")
            hears(manager, "WATCHDOG=1")
        for process, _ in services.values():
            process.send_signal(signal.SIGTERM)
        said = {role: process.communicate(timeout=30)[0] for role, (process, _) in services.items()}
        assert {role: process.returncode for role, (process, _) in services.items()} == dict.fromkeys(QUICK, 0)
    assert READY.fullmatch(said.pop("receiver").strip())
    assert set(said.values()) == {""}, "only a receiver announces where images are taken"


@pytest.mark.long
def test_a_worker_is_ready_when_its_models_are(tmp_path: Path) -> None:
    with alone("worker", tmp_path) as (process, manager):
        assert "WATCHDOG=1" in hears(manager, "READY=1"), "it beats while it loads them"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
