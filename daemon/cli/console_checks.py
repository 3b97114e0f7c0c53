"""What the doctor says of ``[console]``."""

import errno
import http.client
from collections.abc import Iterator

from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.config.operation import ConsoleSettings
from hounsfield.daemon.config.values import is_loopback
from hounsfield.daemon.ports import own_address, what_hinders
from hounsfield.storage.accounts import AccountStore

_ANSWER_SECONDS = 5.0


def check_console_port(settings: ConsoleSettings) -> Iterator[Check]:
    """Tell whether the console's port is free, or held by our console, and whether passwords travel in the clear."""
    yield _check_port(settings.host, settings.port)
    if settings.sign_in != "off" and not is_loopback(settings.host) and not settings.secure_cookies:
        message = f"{settings.host} can be reached from the network without TLS: passwords travel in the clear"
        mend = "listen on 127.0.0.1 behind a reverse proxy with TLS, and set console.secure_cookies"
        yield Check("console", Level.WARNING, message, mend)


def _check_port(host: str, port: int) -> Check:
    where = f"{host}:{port}"
    if port == 0:
        return Check("console", Level.OK, "console.port 0: any free one is taken, the log names it")
    error = what_hinders(host, port)
    if error is None:
        return Check("console", Level.OK, f"{where} is free: the console is not running")
    if error.errno != errno.EADDRINUSE:
        mend = "set console.host to an address of this machine, and a console.port that the service may open"
        return Check("console", Level.PROBLEM, f"{where} cannot be opened: {error.strerror}", mend)
    if _is_ours(host, port):
        return Check("console", Level.OK, f"http://{where}/ answers")
    mend = "stop the program that has the port, or set another console.port: until then the service does not start"
    return Check("console", Level.PROBLEM, f"{where} is taken by a program that does not answer as our console", mend)


def _is_ours(host: str, port: int) -> bool:
    """Whether the sign-in page there is Hounsfield's."""
    connection = http.client.HTTPConnection(own_address(host), port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/sign-in")
        return b"Hounsfield" in connection.getresponse().read(4096)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def check_accounts(settings: ConsoleSettings, accounts: AccountStore) -> Iterator[Check]:
    """Tell whether anybody can sign in."""
    if settings.sign_in != "password":
        return
    count = len(accounts.accounts())
    if count:
        yield Check("console", Level.OK, f"{count} account{'s' if count > 1 else ''} may sign in")
    else:
        mend = '`hounsfield console account add NAME`, or console.sign_in = "off" where pages are only read'
        yield Check("console", Level.WARNING, "nobody can sign in to the console", mend)
