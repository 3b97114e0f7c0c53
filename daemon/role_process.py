"""One role in one process: what the supervisor starts, and what ``hounsfield run --role ROLE`` runs itself.

The heart beats before anything heavy is imported: starting slowly is not hanging.
"""

import argparse
import ctypes
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from hounsfield.daemon.children import ChildName
from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.descriptors import raise_descriptor_limit
from hounsfield.daemon.errors import DaemonError
from hounsfield.daemon.heartbeat import Heartbeat
from hounsfield.daemon.ports import refuse_taken_port
from hounsfield.daemon.repeating import repeat, wait_for_server
from hounsfield.daemon.roles import Role
from hounsfield.daemon.stop_signals import HURRY_SECONDS, STOP_SECONDS, StopSignals
from hounsfield.daemon.term_of_office import Term, Work
from hounsfield.model.errors import ModelError
from hounsfield.storage.control import Part
from hounsfield.storage.doorbell import Doorbell
from hounsfield.storage.election import ALARM_MESSENGER, ASSEMBLER
from hounsfield.storage.errors import StorageError
from hounsfield.storage.states import JobKind

if TYPE_CHECKING:
    from hounsfield.daemon.app import Application
    from hounsfield.daemon.assembly.assembler import Assembler
    from hounsfield.daemon.beats import Beats
    from hounsfield.daemon.bundles.shelf import BundleShelf
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.daemon.gates import Gate
    from hounsfield.daemon.pipeline.worker import Worker

log = structlog.get_logger("hounsfield.role")

IDLE_SECONDS = 0.1
"""How often the assembler looks at the clock: it waits for silence."""
HAND_BACK_SECONDS = STOP_SECONDS - 5
"""How long after the request to stop a worker goes on with its job."""
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a role's process gives to the role."""

    signals: StopSignals
    heartbeat: Heartbeat
    on_ready: Callable[[int], object]
    """Called when the role does its work, with the port where a receiver accepts associations, 0 for other roles."""
    port: int = 0
    """Where the receivers of this service listen already; 0 for the first one, which takes the configured port."""
    number: int = 1
    """Which of the processes of its role it is."""


def run_role(role: Role, settings: "Settings", around: Surroundings) -> int:
    """Run one role in this process until it is asked to stop."""
    raise_descriptor_limit()
    around.signals.on_hurry(partial(_leave_after, HURRY_SECONDS))
    if role is Role.RECEIVER:
        application, beats = _receive(settings, around)
    else:
        with around.heartbeat.in_background():  # a job that hangs is ended by the keeper of its lease
            application, beats = _serve(role, settings, around)
    beats.stop()
    application.database.close()
    return 0


def _leave_after(seconds: float) -> None:
    """End this process as it is after ``seconds``, whatever its threads still do."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _receive(settings: "Settings", around: Surroundings) -> tuple["Application", "Beats"]:
    with around.heartbeat.in_background():
        if settings.dicom.receivers > 1 and not around.port:
            refuse_taken_port(settings.dicom.host, settings.dicom.port)
            if settings.tls.port is not None:
                refuse_taken_port(settings.tls_host, settings.tls.port)
        application, beats = _build(settings, ChildName(Role.RECEIVER, around.number), around.signals.stop)
        receiver = application.receiver(around.heartbeat.beat, around.port)
        certificates = application.certificate_news()
        beats.tell(lambda: {**receiver.facts(), **certificates.facts()})
        receiver.start()
    # From here on the receiver itself beats: a thread of ours would go on when it hangs.
    gc.freeze()  # what was made by now lives as long as the process: the collector need not look at it again
    around.on_ready(receiver.port)
    around.signals.on_hurry(lambda: receiver.stop(0.0))
    around.signals.stop.wait()
    receiver.stop(STOP_SECONDS - 2)
    return application, beats


def _serve(role: Role, settings: "Settings", around: Surroundings) -> tuple["Application", "Beats"]:
    signals, ready = around.signals, partial(around.on_ready, 0)
    application, beats = _build(settings, ChildName(role, around.number), signals.stop)
    if role is Role.ASSEMBLER:
        ready()
        _assemble(application, beats, signals.stop)
    elif role is Role.WORKER:
        worker, bells = application.worker(beats.tell), application.bells()
        doorbell = bells.of(JobKind.INFER)
        ready()
        with bells.ringing():
            _work(worker, application.gate(Part.INFERENCE), signals, doorbell)
    elif role is Role.CONSOLE:
        _show(application, signals.stop, ready)
    else:
        ready()
        _deliver(application, signals.stop)
    return application, beats


def _assemble(application: "Application", beats: "Beats", stop: threading.Event) -> None:
    """Do what only one process in the service does: decide, rescue, tidy up, look for alarms."""
    term = Term("assembler", application.office(ASSEMBLER), partial(work_of_assembler, application))
    beats.tell(term.facts)
    repeat(term.step, stop, application.database.doorbell(), IDLE_SECONDS)
    term.end()


def work_of_assembler(application: "Application") -> Work:
    """Build what the assembler does in one term of office. The work comes before looks at how it goes."""
    assembler, describer = application.assembler(), application.describer()

    def describe() -> int:
        describer.tick()
        return 0  # what is left comes with the next round

    steps = (
        partial(decide, application.shelf, assembler),
        application.rescuer().tick,
        application.retention().tick,
        describe,
    )
    return Work(steps, at_last=application.alarm_watch().tick)  # trouble with the work hides no alarm


def decide(shelf: "BundleShelf", assembler: "Assembler") -> int:
    """Decide on series that are due, for the bundles chosen by now; return how many changed state.

    On none while no version of a wanted bundle can be used: what only it takes would be passed over without a word.
    """
    shelf.refresh()
    return 0 if shelf.missing else assembler.tick()


def _build(settings: "Settings", name: ChildName, stop: threading.Event) -> tuple["Application", "Beats"]:
    """Return the parts of this process, which says from now on that it lives.

    Raise ConfigurationError where database and spool do not fit together, StorageError.
    """
    from hounsfield.daemon.app import build

    application = build(settings, may_upgrade=True)
    wait_for_server(lambda: application.database, settings.storage.resolved_database_url, stop)
    application.refuse_misfits()
    beats = application.beats(name)
    beats.start()
    return application, beats


def _work(worker: "Worker", gate: "Gate", signals: StopSignals, doorbell: Doorbell) -> None:
    # TensorFlow alone has a million objects: without this a look at all of them falls into the building of a report.
    gc.collect()
    gc.freeze()
    done = threading.Event()
    arguments = (worker, signals.stop, done, os._exit)
    threading.Thread(target=hand_back, args=arguments, name="stop", daemon=True).start()
    signals.on_hurry(partial(give_back_and_leave, worker, os._exit))
    repeat(gate.guard(worker.work_one), signals.stop, doorbell)
    done.set()


def hand_back(worker: "Worker", stop: threading.Event, done: threading.Event, leave: Callable[[int], object]) -> None:
    """Once stopped, let the job in hand end; one that takes too long goes back uncounted before we are killed."""
    stop.wait()
    if not done.wait(HAND_BACK_SECONDS):
        give_back_and_leave(worker, leave)


def give_back_and_leave(worker: "Worker", leave: Callable[[int], object]) -> None:
    """End the process without waiting for the model; the job goes back uncounted if the database takes it."""
    try:
        if worker.give_back():
            log.warning("the job in hand does not end in time and is given back")
    except StorageError as error:
        log.error("the job in hand could not be given back; its lease will run out", error=str(error))
    leave(0)


def _deliver(application: "Application", stop: threading.Event) -> None:
    bells = application.bells()

    def serving(name: str, step: Callable[[], bool], doorbell: Doorbell) -> threading.Thread:
        guarded = application.gate(Part.DELIVERY).guard(step)
        return threading.Thread(target=repeat, args=(guarded, stop, doorbell), name=name)

    threads = [
        serving("courier", courier.work_one, bells.of(JobKind.DELIVER, courier.destination))
        for courier in application.couriers()
    ]
    threads += [
        serving("messenger", messenger.work_one, bells.of(JobKind.NOTIFY, messenger.notifier))
        for messenger in application.messengers()
    ]
    if application.settings.alarms.webhook is not None:
        threads.append(threading.Thread(target=_tell_alarms, args=(application, stop), name="alarms"))
    with bells.ringing():
        for thread in threads:
            thread.start()
        stop.wait()
        for thread in threads:
            thread.join()


def _tell_alarms(application: "Application", stop: threading.Event) -> None:
    """Tell of each alarm once: one courier of all does. Whoever pauses deliveries wants to hear of alarms too."""

    def begin() -> Work:
        messenger = application.alarm_messenger()
        return Work(() if messenger is None else (messenger.work_one,))

    term = Term("alarm messages", application.office(ALARM_MESSENGER), begin)
    repeat(term.step, stop, application.database.doorbell())
    term.end()


def _show(application: "Application", stop: threading.Event, ready: Callable[[], object]) -> None:
    from hounsfield.daemon.console.serving import serve

    def on_ready(url: str) -> None:
        log.info("console ready", url=url)
        ready()

    console = application.settings.console
    app, live = application.console()
    gc.freeze()
    serve(app, live, console.host, console.port, stop, on_ready)


def _die_with(parent: int) -> None:
    """End when the supervisor is killed: a role without one would hold the port and the leases."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> int:
    """Entry point of a child process of the supervisor (not for people: they use ``hounsfield run --role``)."""
    parser = argparse.ArgumentParser(prog="hounsfield.daemon.role_process")
    parser.add_argument("--role", type=Role, required=True)
    parser.add_argument("--number", type=int, default=1)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--report-fd", type=int, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent", type=int, required=True)
    options = parser.parse_args()
    _die_with(options.parent)
    # Ctrl-C reaches the whole process group; the supervisor hears it and tells the roles, one after the other.
    signals = StopSignals()
    signals.install(deaf_to=(signal.SIGINT,))
    heartbeat = Heartbeat.of_process(options.report_fd, SystemClock())
    try:
        with heartbeat.in_background():
            from hounsfield.daemon.config.settings import load_settings
            from hounsfield.daemon.logs import configure

            settings = load_settings(options.config)
            configure(settings.logging, context={"role": str(ChildName(options.role, options.number))})
        around = Surroundings(signals, heartbeat, heartbeat.ready, options.port, options.number)
        return run_role(options.role, settings, around)
    except (DaemonError, StorageError, ModelError) as error:
        sys.stderr.write(f"hounsfield {options.role}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
