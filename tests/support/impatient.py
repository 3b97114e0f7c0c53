"""``hounsfield run`` with a supervisor that takes a role for hung after a few seconds: impatient.py SECONDS ROLE ..."""

import sys
from functools import partial

from hounsfield.daemon.children import spawn_role
from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.config.settings import load_settings
from hounsfield.daemon.logs import configure
from hounsfield.daemon.ready import announce
from hounsfield.daemon.roles import Role
from hounsfield.daemon.stop_signals import StopSignals
from hounsfield.daemon.supervisor import Supervisor

if __name__ == "__main__":
    settings, signals = load_settings(None), StopSignals()
    configure(settings.logging)
    signals.install()
    supervisor = Supervisor(
        [Role(name) for name in sys.argv[2:]],
        spawn_role(None),
        SystemClock(),
        signals,
        receivers=settings.dicom.receivers,
        on_ready=partial(announce, settings.dicom),
        silence_seconds=float(sys.argv[1]),
    )
    sys.exit(supervisor.run())
