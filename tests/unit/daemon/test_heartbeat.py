"""Signs of life pass from a role to its supervisor, and cost neither of them a wait."""

import os
import threading
from collections.abc import Iterator

import pytest
from support.fakes import ManualClock
from support.waiting import wait_until

from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.heartbeat import BEAT_SECONDS, SILENCE_SECONDS, Heartbeat, Pulse, tell_supervisor


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            continue


def test_a_beat_is_heard_and_nothing_more_than_needed_is_sent(pipe: tuple[int, int]) -> None:
    clock, said = ManualClock(), []
    heartbeat = Heartbeat(said.append, clock)
    for _ in range(100):
        heartbeat.beat()
        clock.advance(0.1)
    assert len(said) == round(10 / BEAT_SECONDS)


def test_silence_counts_from_the_last_beat(pipe: tuple[int, int]) -> None:
    clock = ManualClock()
    heartbeat, pulse = Heartbeat(tell_supervisor(pipe[1]), clock), Pulse(pipe[0], 0.0)
    clock.advance(10.0)
    pulse.listen(clock.monotonic())
    assert pulse.silence(clock.monotonic()) == 10.0
    heartbeat.beat()
    pulse.listen(clock.monotonic())
    assert pulse.silence(clock.monotonic()) == 0.0
    clock.advance(3.0)
    assert pulse.silence(clock.monotonic()) == 3.0


def test_the_port_of_a_receiver_arrives_between_beats_in_pieces(pipe: tuple[int, int]) -> None:
    pulse = Pulse(pipe[0], 0.0)
    for said in (b"..", b"R11", b".", b"112"):
        os.write(pipe[1], said)
        pulse.listen(1.0)
        assert pulse.port is None
    os.write(pipe[1], b"\n..")
    pulse.listen(1.0)
    assert pulse.port == 11112


def test_a_supervisor_that_does_not_read_stops_no_role(pipe: tuple[int, int]) -> None:
    tell = tell_supervisor(pipe[1])
    for _ in range(100):
        tell(b"." * 1000)  # more than the pipe holds
    Pulse(pipe[0], 0.0).listen(1.0)
    tell(b"R104\n")
    pulse = Pulse(pipe[0], 0.0)
    pulse.listen(1.0)
    assert pulse.port == 104, "a pipe that was emptied takes messages again"


def test_a_dead_supervisor_stops_no_role_here(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    Heartbeat(tell_supervisor(pipe[1]), ManualClock()).beat()
    with pytest.raises(BrokenPipeError):
        os.write(pipe[1], b".")


def test_a_dead_role_is_silent_and_not_an_error(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    pulse = Pulse(pipe[0], 0.0)
    pulse.listen(5.0)
    assert pulse.silence(5.0) == 5.0


def test_the_background_beats_while_the_block_runs_and_not_after(pipe: tuple[int, int]) -> None:
    said: list[bytes] = []
    heartbeat = Heartbeat(said.append, SystemClock(), 0.01)
    with heartbeat.in_background():
        wait_until(lambda: len(said) > 3)
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_several_beats_fit_into_the_silence_that_is_taken_for_death() -> None:
    assert SILENCE_SECONDS >= 10 * BEAT_SECONDS
    assert SILENCE_SECONDS + 5 <= 60, "a hung role is replaced within a minute"
