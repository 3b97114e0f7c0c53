"""``hounsfield health``: does the service in this container turn?"""

import time

import typer

from hounsfield.daemon import sign_of_life
from hounsfield.daemon.cli.exits import CommandFailed, UsageFault


def health() -> None:
    """Tell whether the service of this container turns; exit 1 if not. For health checks of containers.

    It looks at the file that HOUNSFIELD_SIGN_OF_LIFE names, at nothing else: a database or a PACS that is down is no
    reason to start a service again. `hounsfield doctor` and /readyz look at those.
    """
    file = sign_of_life.sign_file()
    if file is None:
        raise UsageFault(
            f"{sign_of_life.VARIABLE} is not set",
            "it names the file that the service writes, as in our container images",
        )
    seconds = sign_of_life.silence(file, time.monotonic())
    if seconds is None:
        raise CommandFailed(f"the service has given no sign of life at {file}", "it may still be starting")
    if seconds > sign_of_life.SILENCE_SECONDS:
        raise CommandFailed(f"the last sign of life is {seconds:.0f} s old", "the service hangs: start it again")
    typer.echo(f"alive {seconds:.0f} s ago")
