"""What ``hounsfield run`` does: one role in this process, several under the supervisor.

The supervisor's process stays small: it imports neither the database nor the network library.
"""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import structlog

from hounsfield.daemon.bundles.shelf import open_configured
from hounsfield.daemon.children import spawn_role
from hounsfield.daemon.clock import Clock, SystemClock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.fit import configured_misfits, refuse
from hounsfield.daemon.fit_process import REFUSED
from hounsfield.daemon.heartbeat import Heartbeat
from hounsfield.daemon.home import prepare_home
from hounsfield.daemon.logs import configure
from hounsfield.daemon.ports import CONSOLE_REMEDY, refuse_taken_port
from hounsfield.daemon.ready import announce
from hounsfield.daemon.roles import DEFAULT_ROLES, Role
from hounsfield.daemon.stop_signals import StopSignals
from hounsfield.daemon.supervisor import Supervisor

log = structlog.get_logger("hounsfield.service")


def run(settings: Settings, config: Path | None, roles: Sequence[Role] = ()) -> int:
    """Run the roles (all if none is named) until SIGTERM or SIGINT, a second one hurries; return the exit code."""
    wanted = list(dict.fromkeys(roles)) or list(DEFAULT_ROLES)
    _refuse_what_cannot_work(settings, wanted)
    configure(settings.logging)
    for renamed in settings.origin.renamed:
        log.warning("a key of the configuration has another name now", key=renamed.old, now=renamed.new)
    clock, receivers = SystemClock(), settings.dicom.receivers
    signals = StopSignals()
    signals.install()
    if len(wanted) == 1 and not (wanted[0] is Role.RECEIVER and receivers > 1):
        return _run_alone(wanted[0], settings, signals, clock)
    if Role.RECEIVER not in wanted and not _fits_together(config):  # a receiver that is refused ends the service
        return REFUSED
    on_ready = partial(announce, settings.dicom)
    return Supervisor(wanted, spawn_role(config), clock, signals, receivers=receivers, on_ready=on_ready).run()


def _fits_together(config: Path | None) -> bool:
    """Ask once for all roles, which would be started again and again; what does not fit is told."""
    command = [sys.executable, "-m", "hounsfield.daemon.fit_process"]
    command += [] if config is None else ["--config", str(config)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, process_group=0, check=False).returncode != REFUSED


def _run_alone(role: Role, settings: Settings, signals: StopSignals, clock: Clock) -> int:
    from hounsfield.daemon.role_process import Surroundings, run_role

    heartbeat = Heartbeat.of_process(-1, clock)

    def on_ready(port: int) -> None:
        if role is Role.RECEIVER:
            announce(settings.dicom, port)
        heartbeat.ready(port)

    return run_role(role, settings, Surroundings(signals, heartbeat, on_ready))


def _refuse_what_cannot_work(settings: Settings, roles: Sequence[Role]) -> None:
    """Raise now, rather than accept images that no role could go on with, or start a console again and again.

    ConfigurationError for a key that cannot be used, PortUnavailable where another program has the console's port.
    """
    refuse(settings, configured_misfits(settings))
    prepare_home(settings)
    open_configured(settings)
    if Role.CONSOLE in roles:
        refuse_taken_port(settings.console.host, settings.console.port, CONSOLE_REMEDY)
