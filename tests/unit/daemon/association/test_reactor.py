"""The association's thread stays where it was stopped, however late it is scheduled."""

import inspect
import threading
from types import SimpleNamespace
from typing import Any

import pynetdicom
from pynetdicom.association import Association
from support.waiting import wait_until

from hounsfield.daemon.association.reactor import Checkpoint


def association() -> Any:
    return SimpleNamespace(_is_paused=False)


def test_a_thread_woken_and_stopped_again_before_it_was_scheduled_does_not_pass() -> None:
    owner = association()
    checkpoint = Checkpoint(owner)
    checkpoint.clear()
    passed = threading.Event()
    waiter = threading.Thread(target=lambda: (checkpoint.wait(), passed.set()), daemon=True)
    waiter.start()
    wait_until(lambda: len(checkpoint._changed._waiters) == 1)
    with checkpoint._changed:  # while this is held the woken thread cannot run, as on a loaded machine
        checkpoint._open = True
        checkpoint._changed.notify_all()
        checkpoint._open = False
    assert not passed.wait(0.2)
    checkpoint.set()
    assert passed.wait(5)


def test_paused_ends_in_the_moment_in_which_the_thread_passes() -> None:
    owner = association()
    checkpoint = Checkpoint(owner)
    owner._is_paused = True
    assert checkpoint.wait()
    assert owner._is_paused is False
    assert checkpoint.in_use.is_set()


def test_the_library_is_the_one_whose_internals_are_mended() -> None:
    assert pynetdicom.__version__ == "3.0.4"
    loop = inspect.getsource(Association._run_reactor)
    assert "self._is_paused = True\n            self._reactor_checkpoint.wait()\n" in loop
    for request in (Association.send_c_store, Association.send_c_find):
        assert "self._reactor_checkpoint.clear()\n        while not self._is_paused:\n" in inspect.getsource(request)
