"""The first signal stops, the next one hurries, and neither depends on what the main thread does."""

import ctypes
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from support.waiting import wait_until

from hounsfield.daemon.stop_signals import HURRY_SECONDS, KILL_SECONDS, StopSignals


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    """Signals that may be installed in this process; it is put right again."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield StopSignals()
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_stops_and_the_second_hurries(signals: StopSignals, number: signal.Signals) -> None:
    signals.install()
    os.kill(os.getpid(), number)
    assert signals.stop.wait(10)
    assert not signals.hurry.is_set()
    os.kill(os.getpid(), number)
    assert signals.hurry.wait(10)


def test_a_role_does_not_count_ctrl_c_which_its_supervisor_hears_too(signals: StopSignals) -> None:
    signals.install(deaf_to=(signal.SIGINT,))
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)
    assert signals.stop.wait(10)
    assert not signals.hurry.is_set()


def test_a_signal_is_heard_while_the_main_thread_hangs_in_native_code(signals: StopSignals) -> None:
    signals.install()
    library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(128)  # zeros: PTHREAD_MUTEX_INITIALIZER
    locked, heard = threading.Event(), []

    def ask() -> None:
        library.pthread_mutex_lock(mutex)
        locked.set()
        os.kill(os.getpid(), signal.SIGTERM)
        heard.append(signals.stop.wait(10))
        library.pthread_mutex_unlock(mutex)

    thread = threading.Thread(target=ask)
    thread.start()
    locked.wait(10)
    library.pthread_mutex_lock(mutex)  # no signal interrupts this, and no handler of the interpreter runs meanwhile
    thread.join(10)
    assert heard == [True]


def test_what_was_to_be_done_in_a_hurry_is_done_once() -> None:
    signals, done = StopSignals(), []
    signals.on_hurry(lambda: done.append("early"))
    signals.tell()
    assert done == []
    for _ in range(3):
        signals.tell()
    assert done == ["early"]
    signals.on_hurry(lambda: done.append("late"))
    assert done == ["early", "late"], "who comes too late is called at once"


def test_the_programs_that_a_process_starts_do_not_inherit_its_deafness(signals: StopSignals) -> None:
    signals.install(deaf_to=(signal.SIGINT,))
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_a_role_leaves_before_the_supervisor_kills_it() -> None:
    assert HURRY_SECONDS < KILL_SECONDS


def test_two_signals_in_a_row_are_enough(signals: StopSignals) -> None:
    signals.install()
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    wait_until(signals.hurry.is_set)
    assert signals.stop.is_set()
