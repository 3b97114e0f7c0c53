"""The supervisor starts receivers first, restarts what dies or hangs, and ends everything."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.fakes import ManualClock

from hounsfield.daemon.children import ChildName, Process, Start
from hounsfield.daemon.roles import Role
from hounsfield.daemon.stop_signals import KILL_SECONDS, STOP_SECONDS, StopSignals
from hounsfield.daemon.supervisor import LONGEST_PAUSE, Supervisor

PORT = 11112
RECEIVER, SECOND, WORKER = ChildName(Role.RECEIVER), ChildName(Role.RECEIVER, 2), ChildName(Role.WORKER)


@dataclass
class FakeProcess:
    """A process that does what the test says; it ends at the ``obeys``-th SIGTERM, and at SIGKILL."""

    start: Start
    fd: int
    heard: list[str]
    obeys: int = 1
    status: int | None = None
    on_poll: Callable[["FakeProcess"], object] = lambda process: None

    def tell(self, message: bytes) -> None:
        os.write(self.fd, message)

    def poll(self) -> int | None:
        self.on_poll(self)
        return self.status

    def terminate(self) -> None:
        self.heard.append(f"TERM {self.start.name}")
        self.obeys -= 1
        if self.obeys == 0:
            self.status = 0

    def kill(self) -> None:
        self.heard.append(f"KILL {self.start.name}")
        self.status = -9

    def wait(self, timeout: float | None = None) -> int:
        if self.status is None:
            raise subprocess.TimeoutExpired("fake", timeout or 0.0)
        return self.status


@dataclass
class Stage:
    """A supervisor over fake processes on a clock that moves when told."""

    receivers: int = 1
    roles: tuple[Role, ...] = (Role.WORKER, Role.RECEIVER)
    on_start: Callable[[FakeProcess], object] = lambda process: None
    clock: ManualClock = field(default_factory=ManualClock)
    signals: StopSignals = field(default_factory=StopSignals)
    started: list[FakeProcess] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(
            self.roles, self.spawn, self.clock, self.signals, receivers=self.receivers, on_ready=self.ports.append
        )

    def spawn(self, start: Start) -> Process:
        process = FakeProcess(start, os.dup(start.report_fd), self.heard)
        self.started.append(process)
        if start.name.role is Role.RECEIVER:
            process.tell(b".R%d\n." % (start.port or PORT))
        self.on_start(process)
        return process

    def names(self) -> list[str]:
        return [str(process.start.name) for process in self.started]

    def latest(self, name: ChildName) -> FakeProcess:
        return next(process for process in reversed(self.started) if process.start.name == name)

    def pass_time(self, seconds: int, *beating: ChildName) -> None:
        """Let seconds go by, with the supervisor looking at each; only those named beat."""
        for _ in range(seconds):
            self.clock.advance(1.0)
            for name in beating:
                self.latest(name).tell(b".")
            self.supervisor.watch()

    def close(self) -> None:
        self.supervisor.end()
        for process in self.started:
            os.close(process.fd)


@pytest.fixture
def stage_of():
    stages: list[Stage] = []

    def make(**arguments) -> Stage:
        stages.append(Stage(**arguments))
        return stages[-1]

    yield make
    for stage in stages:
        stage.signals.tell()
        stage.close()


def test_the_receivers_start_before_the_others_and_share_the_port_that_the_first_one_took(stage_of) -> None:
    stage = stage_of(receivers=3)
    assert stage.supervisor.start()
    assert stage.names() == ["receiver", "receiver-2", "receiver-3", "worker"]
    assert [process.start.port for process in stage.started] == [0, PORT, PORT, 0]
    assert stage.ports == [PORT], "one line says that the service is ready, when all of it is"


def test_without_a_receiver_nothing_is_announced(stage_of) -> None:
    stage = stage_of(roles=(Role.WORKER, Role.COURIER))
    assert stage.supervisor.start()
    assert (stage.names(), stage.ports) == (["worker", "courier"], [])


@pytest.mark.parametrize("failing", [RECEIVER, SECOND])
def test_a_receiver_that_cannot_start_ends_the_daemon_with_1(stage_of, failing: ChildName) -> None:
    def fail(process: FakeProcess) -> None:
        if process.start.name == failing:
            os.close(process.fd)
            process.fd, process.status = os.open(os.devnull, os.O_WRONLY), 1

    stage = stage_of(receivers=2)
    stage.spawn = lambda start: start_silent(stage, start, fail)
    stage.supervisor = Supervisor(stage.roles, stage.spawn, stage.clock, stage.signals, receivers=2)
    assert stage.supervisor.run() == 1
    assert "worker" not in stage.names()


def start_silent(stage: Stage, start: Start, then: Callable[[FakeProcess], object]) -> Process:
    """Start one that says it is ready only if ``then`` leaves it alive."""
    process = FakeProcess(start, os.dup(start.report_fd), stage.heard)
    stage.started.append(process)
    then(process)
    if process.status is None and start.name.role is Role.RECEIVER:
        process.tell(b"R%d\n" % PORT)
    return process


def test_a_stop_while_the_receiver_starts_ends_with_0(stage_of) -> None:
    stage = stage_of()
    stage.signals.tell()
    assert stage.supervisor.run() == 0
    assert (stage.names(), stage.ports) == (["receiver"], [])


def test_a_receiver_that_starts_slowly_but_beats_is_waited_for(stage_of) -> None:
    stage = stage_of()

    def reconcile(process: FakeProcess) -> None:
        stage.clock.advance(4.0)
        process.tell(b"R%d\n" % PORT if stage.clock.monotonic() > 100 else b".")

    stage.spawn = lambda start: start_slowly(stage, start, reconcile)
    stage.supervisor = Supervisor(stage.roles, stage.spawn, stage.clock, stage.signals)
    assert stage.supervisor.start()
    assert stage.clock.monotonic() > 100
    assert stage.names() == ["receiver", "worker"]


def start_slowly(stage: Stage, start: Start, on_poll: Callable[[FakeProcess], object]) -> Process:
    process = FakeProcess(start, os.dup(start.report_fd), stage.heard)
    if start.name.role is Role.RECEIVER:
        process.on_poll = on_poll
    stage.started.append(process)
    return process


def test_a_role_that_dies_is_started_again_after_growing_pauses_and_the_others_stay(stage_of) -> None:
    stage = stage_of()
    stage.supervisor.start()
    waits = []
    for _ in range(8):
        stage.latest(WORKER).status, before, count = 1, stage.clock.monotonic(), len(stage.started)
        while len(stage.started) == count:
            stage.clock.advance(0.5)
            stage.latest(RECEIVER).tell(b".")
            stage.supervisor.watch()
        waits.append(stage.clock.monotonic() - before)
    assert waits == sorted(waits)
    assert waits[0] <= 1.0
    assert LONGEST_PAUSE <= waits[-1] <= LONGEST_PAUSE + 1
    assert stage.names() == ["receiver", "worker"] + ["worker"] * 8


def test_a_receiver_that_is_started_again_keeps_its_port(stage_of) -> None:
    stage = stage_of()
    stage.supervisor.start()
    stage.latest(RECEIVER).status = -11
    stage.pass_time(3, WORKER)
    assert stage.names() == ["receiver", "worker", "receiver"]
    assert stage.latest(RECEIVER).start.port == PORT
    assert stage.ports == [PORT], "it is not announced a second time"


def test_a_role_that_cannot_be_forked_just_now_is_tried_again(stage_of) -> None:
    stage = stage_of()
    stage.supervisor.start()
    refused: list[FakeProcess] = []

    def refuse(process: FakeProcess) -> None:
        if not refused:
            refused.append(process)
            raise OSError(11, "Resource temporarily unavailable")

    stage.on_start = refuse
    stage.latest(WORKER).status = 1
    stage.pass_time(5, RECEIVER)
    assert [str(process.start.name) for process in refused] == ["worker"]
    assert stage.names() == ["receiver", "worker", "worker", "worker"]


def test_a_silent_role_is_killed_and_replaced_within_60_seconds_while_the_others_go_on(stage_of) -> None:
    stage = stage_of(receivers=2)
    stage.supervisor.start()
    stage.pass_time(29, RECEIVER, WORKER)
    assert stage.heard == []
    stage.pass_time(5, RECEIVER, WORKER)
    assert stage.heard == ["KILL receiver-2"], "SIGKILL, once: a stopped process takes no other signal"
    assert stage.names() == ["receiver", "receiver-2", "worker", "receiver-2"]


def test_a_process_that_even_sigkill_does_not_end_is_killed_once_and_not_replaced(stage_of) -> None:
    stage = stage_of()
    stage.supervisor.start()
    stage.latest(WORKER).kill = lambda: stage.heard.append("KILL")
    stage.pass_time(100, RECEIVER)
    assert stage.heard == ["KILL"]
    assert stage.names() == ["receiver", "worker"]


def test_a_supervisor_that_was_stopped_itself_does_not_blame_its_children(stage_of) -> None:
    stage = stage_of()
    stage.supervisor.start()
    stage.clock.advance(3600.0)
    stage.supervisor.watch()
    assert stage.heard == []
    stage.pass_time(31, RECEIVER)
    assert stage.heard == ["KILL worker"], "it is watched again from then on"


def test_the_receivers_end_before_the_others(stage_of) -> None:
    stage = stage_of(receivers=2)
    stage.supervisor.start()
    ended_before: list[bool] = []
    stage.latest(WORKER).terminate = lambda: (
        ended_before.append(all(stage.latest(name).status == 0 for name in (RECEIVER, SECOND))),
        FakeProcess.terminate(stage.latest(WORKER)),
    )
    stage.supervisor.end()
    assert ended_before == [True]
    assert stage.heard == ["TERM receiver", "TERM receiver-2", "TERM worker"]


def test_a_role_that_does_not_end_is_killed_after_20_seconds(stage_of) -> None:
    stage = stage_of()
    stage.supervisor.start()
    receiver, begun = stage.latest(RECEIVER), stage.clock.monotonic()
    receiver.obeys, receiver.on_poll = 99, lambda _: stage.clock.advance(0.5)
    stage.supervisor.end()
    assert stage.heard == ["TERM receiver", "KILL receiver", "TERM worker"]
    assert STOP_SECONDS <= stage.clock.monotonic() - begun < STOP_SECONDS + 5


def test_a_second_request_to_stop_reaches_all_children_and_does_not_wait_for_the_receivers(stage_of) -> None:
    stage = stage_of()
    stage.supervisor.start()
    receiver, worker, begun = stage.latest(RECEIVER), stage.latest(WORKER), stage.clock.monotonic()
    receiver.obeys = worker.obeys = 2
    stage.signals.tell()

    def impatient(_: FakeProcess) -> None:
        if stage.heard == ["TERM receiver"]:
            stage.signals.tell()

    receiver.on_poll, worker.on_poll = impatient, lambda _: stage.clock.advance(0.05)
    stage.supervisor.end()
    assert sorted(stage.heard) == ["TERM receiver"] * 2 + ["TERM worker"] * 2
    assert (receiver.status, worker.status) == (0, 0)
    assert stage.clock.monotonic() - begun < KILL_SECONDS


def test_in_a_hurry_what_does_not_leave_is_killed_after_two_seconds(stage_of) -> None:
    stage = stage_of()
    stage.supervisor.start()
    for _ in range(2):
        stage.signals.tell()
    worker, begun = stage.latest(WORKER), stage.clock.monotonic()
    worker.obeys, worker.on_poll = 999, lambda _: stage.clock.advance(0.1)
    assert stage.supervisor.end() is None
    assert stage.heard.count("KILL worker") == 1
    assert "KILL receiver" not in stage.heard
    assert KILL_SECONDS <= stage.clock.monotonic() - begun < KILL_SECONDS + 1


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_clean_end_gives_every_descriptor_back(stage_of) -> None:
    before = descriptors()
    stage = stage_of(receivers=3)
    stage.supervisor.start()
    stage.pass_time(40, RECEIVER)
    stage.supervisor.end()
    held_by_the_fakes = len(stage.started)
    assert len(stage.started) > 4
    assert descriptors() == before + held_by_the_fakes
