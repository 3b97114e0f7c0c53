"""What operators are told of reception: whether images are accepted, and if not, why."""

from typing import Any

import pytest
from support.fake_control import FakeControl
from support.fakes import ManualClock

from hounsfield.daemon.reception.intake_gate import IntakeGate
from hounsfield.daemon.reception.readiness import Readiness
from hounsfield.daemon.reception.status import InstanceRefused, Status
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.errors import SpoolError

READY = "STATUS=ready: images are accepted"
PAUSED = "STATUS=intake is paused: no new senders"
FULL = "STATUS=not ready: images are refused (A700): no space left to store images, try again later"


class Scene:
    """What decides, and what the service manager was told."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.control, self.clock, self.told = FakeControl(), ManualClock(), list[str]()
        self.gate = IntakeGate(self.control, self.clock)
        acceptor: Any = self
        self.readiness = Readiness(acceptor, self.gate, self.told.append)

    def check_ready(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def look(self) -> None:
        self.gate.look()
        self.readiness.look()

    def pause(self) -> None:
        self.control.pause(Pause(part=Part.INTAKE, since=self.clock.now()))
        self.look()

    def resume(self) -> None:
        self.control.resume(Part.INTAKE, self.clock.now())
        self.look()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_first_look_is_told_whatever_the_process_waited_for_before(scene: Scene) -> None:
    scene.look()
    assert scene.told == [READY]


def test_only_a_change_is_told_with_its_reason(scene: Scene) -> None:
    scene.look()
    scene.trouble = InstanceRefused(Status.DATABASE_DOWN)
    scene.look()
    scene.look()
    assert scene.told[1:] == [
        "STATUS=not ready: images are refused (A700): the database does not answer, try again later"
    ]
    assert scene.readiness.reason == Status.DATABASE_DOWN.comment
    scene.trouble = SpoolError("the disk is gone")
    scene.look()
    assert scene.told[2:] == ["STATUS=not ready: images are refused (A700): the disk is gone"]
    scene.trouble = None
    scene.look()
    assert scene.told[3:] == [READY]
    assert scene.readiness.reason is None


def test_a_pause_is_told_and_refuses_no_image_by_itself(scene: Scene) -> None:
    scene.look()
    scene.pause()
    assert scene.readiness.reason is None
    scene.resume()
    assert scene.told == [READY, PAUSED, READY]


def test_a_pause_that_ends_while_the_disk_is_full_does_not_tell_of_being_ready(scene: Scene) -> None:
    scene.trouble = InstanceRefused(Status.NO_SPACE)
    scene.look()
    scene.pause()
    scene.resume()
    assert scene.told == [FULL]


def test_a_disk_that_is_free_again_during_a_pause_does_not_tell_of_being_ready(scene: Scene) -> None:
    scene.pause()
    scene.trouble = InstanceRefused(Status.NO_SPACE)
    scene.look()
    scene.trouble = None
    scene.look()
    assert scene.told == [PAUSED, FULL, PAUSED]
