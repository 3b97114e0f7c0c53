"""One role in one process: what the supervisor starts, and what ``hounsfield run --role ROLE`` runs itself."""

import argparse
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from hounsfield.daemon.app import Application, build
from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.errors import DaemonError
from hounsfield.daemon.logs import configure
from hounsfield.daemon.notify import notify
from hounsfield.daemon.roles import Role
from hounsfield.daemon.supervisor import READY, STOP_SECONDS
from hounsfield.model.errors import ModelError
from hounsfield.storage.errors import StorageError

if TYPE_CHECKING:
    from hounsfield.daemon.pipeline.worker import Worker

log = structlog.get_logger("hounsfield.role")

IDLE_SECONDS = 0.1
"""How often an idle role looks at the database."""
TROUBLE_SECONDS = 1.0
"""How long a role waits before it asks a database again that failed."""
HAND_BACK_SECONDS = STOP_SECONDS - 5
"""How long after the request to stop a worker goes on with its job."""
PR_SET_PDEATHSIG = 1


def run_role(role: Role, settings: Settings, ready_fd: int = -1) -> int:
    """Run one role in this process until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    application = build(settings)
    match role:
        case Role.RECEIVER:
            _receive(application, stop, ready_fd)
        case Role.ASSEMBLER:
            assembler, rescuer = application.assembler(), application.rescuer()
            repeat(lambda: assembler.tick() + rescuer.tick() > 0, stop)
        case Role.WORKER:
            _work(application.worker(), stop)
        case Role.COURIER:
            _deliver(application, stop)
        case Role.CONSOLE:
            raise DaemonError(
                "this version has no console",
                "leave out --role console; `hounsfield jobs tail -f` shows the job log",
            )
    application.database.close()
    return 0


def _receive(application: Application, stop: threading.Event, ready_fd: int) -> None:
    receiver = application.receiver()
    receiver.start()
    dicom = application.settings.dicom
    sys.stdout.write(f"ready dicom={dicom.host}:{receiver.port} ae={dicom.ae_title}\n")
    sys.stdout.flush()
    if ready_fd >= 0:
        os.write(ready_fd, READY)
        os.close(ready_fd)
    else:
        notify("READY=1")
    stop.wait()
    receiver.stop(STOP_SECONDS - 2)


def _work(worker: "Worker", stop: threading.Event) -> None:
    done = threading.Event()
    threading.Thread(target=hand_back, args=(worker, stop, done, os._exit), name="stop", daemon=True).start()
    repeat(worker.work_one, stop)
    done.set()


def hand_back(worker: "Worker", stop: threading.Event, done: threading.Event, leave: Callable[[int], object]) -> None:
    """Once stopped, let the job in hand end; one that takes too long goes back uncounted before we are killed."""
    stop.wait()
    if done.wait(HAND_BACK_SECONDS):
        return
    try:
        if worker.give_back():
            log.warning("the job in hand does not end in time and is given back")
    except StorageError as error:
        log.error("the job in hand could not be given back; its lease will run out", error=str(error))
    leave(0)


def _deliver(application: Application, stop: threading.Event) -> None:
    threads = [
        threading.Thread(target=repeat, args=(courier.work_one, stop), name="courier")
        for courier in application.couriers()
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()


def repeat(step: Callable[[], bool], stop: threading.Event) -> None:
    """Call ``step`` until stopped: again at once while it finds work, else after a short pause.

    A database that fails is asked again: every step is one transaction or can be repeated. A step that fails in a way
    nobody thought of is logged and repeated too: one job or series must not stop the role that serves all others.
    """
    while not stop.is_set():
        try:
            busy = step()
        except StorageError as error:
            log.error("database or spool failed; trying again", error=str(error))
            stop.wait(TROUBLE_SECONDS)
            continue
        except Exception as error:
            log.exception("a step failed; going on", error=type(error).__name__)
            stop.wait(TROUBLE_SECONDS)
            continue
        if not busy:
            stop.wait(IDLE_SECONDS)


def _die_with(parent: int) -> None:
    """End when the supervisor is killed: a role without one would hold the port and the leases."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> int:
    """Entry point of a child process of the supervisor (not for people: they use ``hounsfield run --role``)."""
    parser = argparse.ArgumentParser(prog="hounsfield.daemon.role_process")
    parser.add_argument("--role", type=Role, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--ready-fd", type=int, default=-1)
    parser.add_argument("--parent", type=int, required=True)
    options = parser.parse_args()
    _die_with(options.parent)
    try:
        settings = load_settings(options.config)
        configure(settings.logging, context={"role": str(options.role)})
        return run_role(options.role, settings, options.ready_fd)
    except (DaemonError, StorageError, ModelError) as error:
        sys.stderr.write(f"hounsfield {options.role}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
