"""The supervisor starts the receiver first, restarts what dies and ends everything."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import pytest
from support.waiting import wait_until

from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.roles import Role
from hounsfield.daemon.supervisor import Supervisor

READY_AND_WAIT = "import os,sys,time; fd=int(sys.argv[1]); fd>=0 and os.write(fd,b'R'); time.sleep(600)"


class Programs:
    """Spawns small programs in place of roles and remembers them."""

    def __init__(self, **scripts: str) -> None:
        self.scripts = scripts
        self.started: list[tuple[Role, subprocess.Popen[bytes]]] = []

    def __call__(self, role: Role, ready_fd: int) -> "subprocess.Popen[bytes]":
        script = self.scripts.get(role, READY_AND_WAIT)
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(ready_fd)], pass_fds=[ready_fd] if ready_fd >= 0 else []
        )
        self.started.append((role, process))
        return process

    def count(self) -> Counter[Role]:
        return Counter(role for role, _ in self.started)


@pytest.fixture
def quiet_signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def after(programs: Programs, ready, do) -> threading.Thread:
    thread = threading.Thread(target=lambda: (wait_until(ready, 20), do()))
    thread.start()
    return thread


def test_the_receiver_starts_before_the_others_and_all_end_on_stop(quiet_signals) -> None:
    programs = Programs()
    supervisor = Supervisor([Role.WORKER, Role.RECEIVER], programs, SystemClock())
    thread = after(programs, lambda: len(programs.started) == 2, supervisor.stop)
    assert supervisor.run() == 0
    thread.join()
    assert [role for role, _ in programs.started] == [Role.RECEIVER, Role.WORKER]
    assert all(process.returncode == -signal.SIGTERM for _, process in programs.started)


def test_a_role_that_is_killed_is_started_again_and_the_others_stay(quiet_signals) -> None:
    programs = Programs()
    supervisor = Supervisor([Role.RECEIVER, Role.WORKER], programs, SystemClock())

    def kill_and_wait() -> None:
        os.kill(programs.started[1][1].pid, signal.SIGKILL)
        wait_until(lambda: programs.count()[Role.WORKER] == 2, 20)
        supervisor.stop()

    thread = after(programs, lambda: len(programs.started) == 2, kill_and_wait)
    assert supervisor.run() == 0
    thread.join()
    assert programs.count() == {Role.RECEIVER: 1, Role.WORKER: 2}


def test_a_receiver_that_cannot_start_ends_the_daemon_with_1(quiet_signals) -> None:
    programs = Programs(receiver="raise SystemExit(1)")
    assert Supervisor([Role.RECEIVER, Role.WORKER], programs, SystemClock()).run() == 1
    assert programs.count() == {Role.RECEIVER: 1}


def test_a_role_that_cannot_be_forked_just_now_is_tried_again(quiet_signals) -> None:
    programs, refused = Programs(worker="raise SystemExit(1)"), []

    def spawn(role: Role, ready_fd: int) -> "subprocess.Popen[bytes]":
        if programs.count()[Role.WORKER] == 1 and not refused:
            refused.append(role)
            raise OSError(11, "Resource temporarily unavailable")
        return programs(role, ready_fd)

    supervisor = Supervisor([Role.RECEIVER, Role.WORKER], spawn, SystemClock())
    thread = after(programs, lambda: programs.count()[Role.WORKER] >= 2, supervisor.stop)
    assert supervisor.run() == 0
    thread.join()
    assert refused == [Role.WORKER]
    assert programs.count()[Role.RECEIVER] == 1
