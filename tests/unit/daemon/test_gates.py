"""What is paused begins nothing; what is not asked for costs nothing."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.fake_control import FakeControl
from support.fakes import ManualClock
from support.waiting import wait_until

from hounsfield.daemon import role_process
from hounsfield.daemon.bells import OwnLooks
from hounsfield.daemon.gates import LOOK_SECONDS, Gate
from hounsfield.daemon.repeating import repeat
from hounsfield.daemon.stop_signals import StopSignals
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.doorbell import Unwired
from hounsfield.storage.errors import DatabaseUnavailable


class Scene:
    """A gate in front of work that there is always more of."""

    def __init__(self) -> None:
        self.control, self.clock = FakeControl(), ManualClock()
        self.gate = Gate(self.control, Part.INFERENCE, self.clock)
        self.done = 0
        self.step = self.gate.guard(self._work)

    def _work(self) -> bool:
        self.done += 1
        return True

    def pause(self, part: Part = Part.INFERENCE) -> None:
        self.control.pause(Pause(part=part, since=self.clock.now(), note="why"))

    def passes(self, seconds: float) -> bool:
        """Let time pass; always true. A thread notes when it looked after it has looked: one step may be lost on it."""
        self.clock.advance(seconds)
        return True


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_open_gate_lets_everything_through(scene: Scene) -> None:
    assert scene.step()
    assert scene.step()
    assert scene.done == 2


def test_a_pause_is_seen_within_a_second_and_so_is_its_end(scene: Scene) -> None:
    scene.step()
    scene.pause()
    scene.clock.advance(1.0)
    assert not scene.step()
    scene.control.resume(Part.INFERENCE, scene.clock.now())
    scene.clock.advance(1.0)
    assert scene.step()
    assert scene.done == 2


def test_a_pause_from_before_the_start_holds_from_the_first_step_and_is_logged(scene: Scene) -> None:
    scene.pause()
    with capture_logs() as logs:
        assert not scene.step()
    assert scene.done == 0
    assert [(entry["event"], entry["part"], entry["note"]) for entry in logs] == [("paused", "inference", "why")]


def test_another_part_s_pause_closes_nothing(scene: Scene) -> None:
    scene.pause(Part.DELIVERY)
    scene.pause(Part.INTAKE)
    assert scene.step()


def test_the_database_is_asked_twice_a_second_however_busy_the_role_is(scene: Scene) -> None:
    for _ in range(100):
        scene.step()
    assert scene.control.asked == 1
    scene.clock.advance(LOOK_SECONDS)
    scene.step()
    assert scene.control.asked == 2


def test_a_database_that_is_down_lets_nothing_through_and_is_asked_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hounsfield.daemon.repeating.TROUBLE_SECONDS", 0.0)
    scene.control.trouble = DatabaseUnavailable("down")
    stop = threading.Event()

    def step() -> bool:
        if scene.control.asked == 3:
            scene.control.trouble = None
        if scene.done:
            stop.set()
        return scene.step()

    repeat(step, stop, Unwired())
    assert scene.control.asked == 4


@pytest.mark.heavy
def test_a_pause_of_delivery_holds_couriers_and_messengers_back_and_both_go_on(scene: Scene) -> None:
    scene.pause(Part.DELIVERY)
    worked: set[str] = set()

    def one(name: str) -> Any:
        return SimpleNamespace(work_one=lambda: bool(worked.add(name)), destination="pacs", notifier="ris")

    application: Any = SimpleNamespace(
        gate=lambda part: Gate(scene.control, part, scene.clock),
        couriers=lambda: [one("courier")],
        messengers=lambda: [one("messenger")],
        settings=SimpleNamespace(alarms=SimpleNamespace(webhook=None)),
        bells=lambda: OwnLooks(SimpleNamespace(doorbell=Unwired)),  # type: ignore[arg-type]
        database=SimpleNamespace(doorbell=Unwired),
    )
    stop = threading.Event()
    delivering = threading.Thread(target=role_process._deliver, args=(application, stop))
    delivering.start()
    try:
        wait_until(lambda: scene.control.asked >= 2)
        assert worked == set()
        scene.control.resume(Part.DELIVERY, scene.clock.now())
        wait_until(lambda: scene.passes(1.0) and worked == {"courier", "messenger"})
    finally:
        stop.set()
        delivering.join(10)


def test_a_pause_of_inference_lets_the_running_job_end_and_begins_no_other(scene: Scene) -> None:
    worked: list[str] = []

    def work_one() -> bool:
        scene.pause()  # while the job runs
        scene.clock.advance(1.0)
        worked.append("job")
        return True

    worker: Any = SimpleNamespace(work_one=work_one, give_back=lambda: False)
    signals = StopSignals()
    working = threading.Thread(target=role_process._work, args=(worker, scene.gate, signals, Unwired()))
    working.start()
    try:
        wait_until(lambda: scene.control.asked >= 2)
        assert worked == ["job"]
        wait_until(lambda: scene.passes(1.0) and scene.control.asked >= 3)
        assert worked == ["job"]
    finally:
        signals.stop.set()
        working.join(10)
