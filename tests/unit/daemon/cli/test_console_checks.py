"""What the doctor says of the console."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from support.console import QUICK, add_account
from support.fakes import ManualClock
from support.peers import free_port

from hounsfield.daemon.cli.check import Level
from hounsfield.daemon.cli.console_checks import check_accounts, check_console_port
from hounsfield.daemon.config.operation import ConsoleSettings
from hounsfield.storage.engine import Database, open_database


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    opened = open_database(None, tmp_path)
    yield opened
    opened.close()


def web_server(body: bytes) -> HTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def level_of(port: int) -> tuple[Level, str]:
    (check,) = check_console_port(ConsoleSettings(port=port))
    return check.level, check.message


def test_a_free_port_and_any_port_are_fine() -> None:
    assert level_of(free_port())[0] is Level.OK
    assert level_of(0)[0] is Level.OK


@pytest.mark.parametrize(("body", "level"), [(b"<title>Hounsfield</title>", Level.OK), (b"Orthanc", Level.PROBLEM)])
def test_our_console_on_the_port_is_told_from_another_server(body: bytes, level: Level) -> None:
    server = web_server(body)
    try:
        assert level_of(server.server_port)[0] is level
    finally:
        server.shutdown()
        server.server_close()


def test_a_program_that_speaks_no_http_is_a_problem() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        threading.Thread(target=lambda: other.accept()[0].close(), daemon=True).start()
        assert level_of(other.getsockname()[1])[0] is Level.PROBLEM


def test_passwords_in_the_clear_are_warned_of() -> None:
    open_to_all = ConsoleSettings(host="0.0.0.0", port=free_port())
    assert [check.level for check in check_console_port(open_to_all)] == [Level.OK, Level.WARNING]
    behind_tls = ConsoleSettings(host="0.0.0.0", port=free_port(), secure_cookies=True)
    assert [check.level for check in check_console_port(behind_tls)] == [Level.OK]


def test_a_console_without_accounts_is_warned_of(database: Database) -> None:
    (check,) = check_accounts(ConsoleSettings(), database.accounts)
    assert (check.level, "account add" in check.mend) == (Level.WARNING, True)
    add_account(database, ManualClock(), hasher=QUICK)
    (check,) = check_accounts(ConsoleSettings(), database.accounts)
    assert (check.level, check.message) == (Level.OK, "1 account may sign in")
    assert list(check_accounts(ConsoleSettings(sign_in="off"), database.accounts)) == []
