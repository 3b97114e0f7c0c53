"""Exit codes and the failures that end a command with one of them."""

from enum import IntEnum

from hounsfield.daemon.errors import DaemonError


class ExitCode(IntEnum):
    """What ``hounsfield`` returns to the shell; fixed, scripts rely on it."""

    OK = 0
    WORK_FAILED = 1
    USAGE = 2
    CONFIGURATION = 3
    NOT_FOUND = 4


EXIT_CODES_HELP = (
    "Exit codes: 0 ok, 1 the work failed, 2 wrong usage, 3 wrong configuration, 4 not found. "
    "--json prints one object per line, times in ISO 8601 UTC. NO_COLOR=1 switches colours off."
)


class CommandFailed(DaemonError):
    """The command could not do its work; the message says why and what to do."""

    code = ExitCode.WORK_FAILED
    remedy = ""


class UsageFault(CommandFailed):
    """An argument has the wrong form."""

    code = ExitCode.USAGE


class NotFound(CommandFailed):
    """What the command was asked about does not exist."""

    code = ExitCode.NOT_FOUND
