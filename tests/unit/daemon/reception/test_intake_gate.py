"""What reception makes of a pause, with time in our hands."""

import pytest
from support.fake_control import FakeControl
from support.fakes import ManualClock

from hounsfield.daemon.reception.admission import Rejection
from hounsfield.daemon.reception.intake_gate import GRACE_SECONDS, IntakeGate
from hounsfield.daemon.reception.status import Status
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.errors import DatabaseUnavailable


class Scene:
    """A gate with its store and its clock."""

    def __init__(self) -> None:
        self.control, self.clock = FakeControl(), ManualClock()
        self.gate = IntakeGate(self.control, self.clock)

    def pause(self) -> None:
        self.control.pause(Pause(part=Part.INTAKE, since=self.clock.now()))
        self.gate.look()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_without_a_pause_everybody_may_come(scene: Scene) -> None:
    scene.gate.look()
    assert (scene.gate.is_closed, scene.gate.is_shut) == (False, False)


def test_a_pause_closes_to_new_senders_at_once_and_to_those_inside_after_the_grace(scene: Scene) -> None:
    scene.pause()
    assert scene.gate.is_closed
    scene.clock.advance(GRACE_SECONDS - 1)
    scene.gate.look()
    assert not scene.gate.is_shut
    scene.clock.advance(1)
    assert scene.gate.is_shut


def test_the_end_of_the_pause_opens_both(scene: Scene) -> None:
    scene.pause()
    scene.clock.advance(GRACE_SECONDS)
    scene.control.resume(Part.INTAKE, scene.clock.now())
    scene.gate.look()
    assert (scene.gate.is_closed, scene.gate.is_shut) == (False, False)


def test_while_the_database_is_down_a_pause_goes_on_to_hold(scene: Scene) -> None:
    scene.pause()
    scene.control.trouble = DatabaseUnavailable("down")
    scene.gate.look()
    assert scene.gate.is_closed


def test_only_a_look_asks_the_database(scene: Scene) -> None:
    scene.pause()
    asked = scene.control.asked
    for _ in range(100):
        assert scene.gate.is_closed
        assert not scene.gate.is_shut
    assert scene.control.asked == asked


def test_senders_are_told_to_come_again_later() -> None:
    assert Rejection.PAUSED.codes == (2, 3, 2)
    assert Status.PAUSED.code == 0xA700
