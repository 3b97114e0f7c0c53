"""What ``hounsfield run`` does: one role in this process, several under the supervisor.

The supervisor's process stays small: it imports neither the database nor the network library.
"""

from collections.abc import Sequence
from pathlib import Path

from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.home import prepare_home
from hounsfield.daemon.logs import configure
from hounsfield.daemon.pipeline.bundles import open_shelf
from hounsfield.daemon.roles import DEFAULT_ROLES, Role
from hounsfield.daemon.supervisor import Supervisor, spawn_role


def run(settings: Settings, config: Path | None, roles: Sequence[Role] = ()) -> int:
    """Run the roles (all if none is named) until SIGTERM or SIGINT; return the exit code."""
    wanted = list(dict.fromkeys(roles)) or list(DEFAULT_ROLES)
    _refuse_what_cannot_work(settings)
    configure(settings.logging)
    if len(wanted) == 1:
        from hounsfield.daemon.role_process import run_role  # imports what the role needs

        return run_role(wanted[0], settings)
    return Supervisor(wanted, spawn_role(config), SystemClock()).run()


def _refuse_what_cannot_work(settings: Settings) -> None:
    """Raise :class:`ConfigurationError` now, rather than accept images that no role could go on with."""
    prepare_home(settings)
    open_shelf(settings)
