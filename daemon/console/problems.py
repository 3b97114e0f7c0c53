"""Why a page is not shown. The application turns each into a page of its own (daemon/console/refusals.py)."""

from hounsfield.daemon.errors import DaemonError


class ConsoleError(DaemonError):
    """Base of what the pages refuse."""

    status = 400


class SignInNeeded(ConsoleError):
    """Only somebody who has signed in may do this."""

    status = 401

    def __init__(self) -> None:
        super().__init__("only somebody who has signed in may do this", "sign in first")


class NotAllowed(ConsoleError):
    """Nobody can sign in here."""

    status = 403

    def __init__(self) -> None:
        super().__init__("pages are read-only here", "console.sign_in says how people sign in")


class FormRefused(ConsoleError):
    """A form that we did not make for this visitor, or made too long ago."""

    status = 403

    def __init__(self) -> None:
        super().__init__(
            "this form is out of date, so nothing was done", "go back, load the page again, and send it again"
        )


class BadRequest(ConsoleError):
    """A form or address with something in it that cannot be; the message says what."""


class NoSuchThing(ConsoleError):
    """What the address names does not exist, or not any more."""

    status = 404

    def __init__(self, what: str) -> None:
        super().__init__(f"there is no {what}", "it may have been removed, or the address is wrong")
