"""The command group that turns failures into ``error: ...`` and an exit code: never a traceback at the user."""

import os
from typing import Any

import typer
from typer.core import TyperGroup

from hounsfield.daemon.cli.exits import CommandFailed, ExitCode
from hounsfield.daemon.errors import ConfigurationError, DaemonError, Misaddressed
from hounsfield.model.errors import ModelError
from hounsfield.storage.errors import StorageError

DEBUG_VARIABLE = "HOUNSFIELD_DEBUG"


class FriendlyGroup(TyperGroup):
    """A typer group whose commands may raise; only :data:`DEBUG_VARIABLE` lets a traceback through."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command and end the program with the code of its failure."""
        try:
            return super().invoke(ctx)
        except CommandFailed as failure:
            raise _end(str(failure), failure.code) from failure
        except Misaddressed as failure:
            raise _end(str(failure), ExitCode.USAGE) from failure
        except ConfigurationError as failure:
            raise _end(str(failure), ExitCode.CONFIGURATION) from failure
        except (DaemonError, StorageError, ModelError) as failure:
            raise _end(str(failure), ExitCode.WORK_FAILED) from failure
        except BrokenPipeError:
            raise
        except OSError as failure:
            raise _end(
                f"{failure.strerror or failure}: {failure.filename or ''}".rstrip(": "), ExitCode.WORK_FAILED
            ) from failure
        except (typer.Exit, typer.Abort, KeyboardInterrupt):
            raise
        except Exception as failure:
            if os.environ.get(DEBUG_VARIABLE) or _is_usage_error(failure):
                raise
            raise _end(_unexpected(failure), ExitCode.WORK_FAILED) from failure


def _is_usage_error(failure: Exception) -> bool:
    """Whether typer prints this one itself, with the usage line and its own exit code."""
    return hasattr(failure, "exit_code") and hasattr(failure, "format_message")


def _unexpected(failure: Exception) -> str:
    return (
        f"unexpected {type(failure).__name__}. This is a fault of the program (its text may quote an image and is "
        "left out); "
        f"run the command again with {DEBUG_VARIABLE}=1 and report what it prints"
    )


def _end(message: str, code: int) -> typer.Exit:
    typer.echo(f"error: {message}", err=True)
    return typer.Exit(int(code))
