"""What the service manager hears."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fakes import ManualClock

from hounsfield.daemon.heartbeat import Heartbeat
from hounsfield.daemon.notify import ServiceWatchdog, notify, watchdog_seconds


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A service manager's socket that never waits."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield server


def heard(manager: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(manager.recv(100).decode())
        except BlockingIOError:
            return messages


def test_a_state_reaches_the_service_manager(manager: socket.socket) -> None:
    assert notify("READY=1")
    assert heard(manager) == ["READY=1"]


def test_without_a_service_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")


def test_the_watchdog_is_fed_at_half_of_its_interval(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    clock = ManualClock()
    watchdog = ServiceWatchdog(clock)
    for _ in range(60):
        watchdog.pat()
        clock.advance(1.0)
    assert heard(manager) == ["WATCHDOG=1"] * 6


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}],
)
def test_no_watchdog_is_fed_where_none_watches_this_process(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ServiceWatchdog(ManualClock()).pat()
    assert watchdog_seconds() is None
    assert heard(manager) == []


def test_a_role_that_is_the_whole_service_beats_for_the_service_manager(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    clock = ManualClock()
    heartbeat = Heartbeat.of_process(-1, clock)
    heartbeat.ready(104)
    for _ in range(20):
        heartbeat.beat()
        clock.advance(1.0)
    assert heard(manager) == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
