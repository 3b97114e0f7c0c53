"""Signed documents before a real web server, and before some that misbehave."""

import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.fakes import ManualClock
from support.peers import free_port
from support.reports import SERIES, STUDY, series
from support.scripted import scripted
from support.tls import authority
from support.told import facts_of
from support.webhook_server import Webhook, webhook_server

from hounsfield.daemon.notifications.answers import Accepted, NoAnswer, Refused
from hounsfield.daemon.notifications.webhook import WebhookSender
from hounsfield.storage.states import Outcome, ResultKind

SECRET = b"a secret of this test"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "webhook.secret"
    file.write_bytes(SECRET + b"\n")
    return file


@pytest.fixture
def server():
    with webhook_server() as webhook:
        yield webhook


def sender(
    url: str, secret: Path, *, clock: ManualClock | None = None, include_patient: bool = False, timeout: float = 5.0
) -> WebhookSender:
    return WebhookSender(
        url, secret, include_patient=include_patient, timeout_seconds=timeout, clock=clock or ManualClock()
    )


def test_what_is_posted_is_signed_with_its_time_and_says_what_was_found(
    tmp_path: Path, secret: Path, server: Webhook
) -> None:
    told = facts_of(tmp_path)
    assert sender(server.url, secret).send(told) == Accepted()
    (posted,) = server.posted
    stamp = posted.headers["X-Hounsfield-Timestamp"]
    expected = hmac.new(SECRET, stamp.encode() + b"." + posted.body, hashlib.sha256).hexdigest()
    assert posted.headers["X-Hounsfield-Signature"] == f"sha256={expected}"
    assert posted.path == "/hook?site=1"
    assert posted.headers["Host"] == f"127.0.0.1:{server.port}"
    assert posted.headers["Content-Type"] == "application/json"
    found = json.loads(posted.body)
    assert found["message_id"] == posted.headers["Idempotency-Key"] == told.message_id
    assert (found["schema"], found["test"], found["kind"]) == ("hounsfield.notification/1", False, "analysis")
    assert (found["outcome"], found["reason"], found["score"], found["job"]) == ("positive", None, told.score, 5)
    assert found["bundle"] == {"name": "ich-demo", "version": "1.0.0"}
    assert found["created"] == "2026-07-01T12:00:00Z"
    assert (found["study_instance_uid"], found["series_instance_uid"]) == (STUDY, SERIES)
    assert found["report_sop_instance_uid"] == told.report_uid
    assert "not for diagnosis" in found["notice"]


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("kind", list(ResultKind))
def test_the_patient_is_named_only_where_that_is_asked_for(
    tmp_path: Path, secret: Path, server: Webhook, outcome: Outcome, kind: ResultKind
) -> None:
    sources = series(
        SpecificCharacterSet="ISO_IR 192", PatientName="Müller^Jörg=山田^太郎", AccessionNumber="ACC-KANARIE"
    )
    told = facts_of(tmp_path, outcome, kind=kind, sources=sources)
    sender(server.url, secret).send(told)
    sender(server.url, secret, include_patient=True).send(told)
    silent, talkative = (json.loads(posted.body) for posted in server.posted)
    whole = json.dumps(silent, ensure_ascii=False)
    assert not [word for word in ("Müller", "Jörg", "山田", "P-1", "19500101", "KANARIE") if word in whole]
    assert talkative.pop("patient") == {
        "id": "P-1",
        "issuer": "",
        "name": "Müller^Jörg=山田^太郎",
        "birth_date": "19500101",
        "sex": "F",
        "accession_number": "ACC-KANARIE",
    }
    assert talkative == silent


def test_a_second_try_posts_the_same_bytes_under_a_new_time_and_signature(
    tmp_path: Path, secret: Path, server: Webhook
) -> None:
    clock = ManualClock()
    hook = sender(server.url, secret, clock=clock)
    told = facts_of(tmp_path)
    hook.send(told)
    clock.advance(60)
    hook.send(told)
    first, second = server.posted
    assert first.body == second.body
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.headers["X-Hounsfield-Signature"] != second.headers["X-Hounsfield-Signature"]


def test_a_changed_secret_counts_at_once_and_without_one_nothing_is_posted(
    tmp_path: Path, secret: Path, server: Webhook
) -> None:
    hook, told = sender(server.url, secret), facts_of(tmp_path)
    hook.send(told)
    secret.write_bytes(b"another")
    hook.send(told)
    secret.unlink()
    assert hook.send(told) == NoAnswer("secret_file cannot be read or is empty")
    secret.write_bytes(b"\n")
    assert hook.send(told) == NoAnswer("secret_file cannot be read or is empty")
    first, second = server.posted
    assert first.headers["X-Hounsfield-Signature"] != second.headers["X-Hounsfield-Signature"]


def test_a_redirection_is_not_followed(tmp_path: Path, secret: Path, server: Webhook) -> None:
    with webhook_server() as elsewhere:
        server.status, server.headers = 307, {"Location": elsewhere.url}
        assert sender(server.url, secret).send(facts_of(tmp_path)) == Refused("HTTP 307")
        assert elsewhere.posted == []


def test_a_proxy_that_the_environment_names_gets_nothing(
    tmp_path: Path, secret: Path, server: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with webhook_server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert sender(server.url, secret).send(facts_of(tmp_path)) == Accepted()
        assert proxy.posted == []


def read(connection: socket.socket) -> None:
    received = b""
    while b"}" not in received[-3:]:
        received += connection.recv(65536)


def silent(connection: socket.socket) -> None:
    connection.settimeout(5)
    while connection.recv(65536):
        continue


def dripping(connection: socket.socket) -> None:
    read(connection)
    connection.sendall(b"HTTP/1.1 ")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)  # a server's own pace, nothing waits for it


def patient(connection: socket.socket) -> None:
    read(connection)
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def garbage(connection: socket.socket) -> None:
    read(connection)
    connection.sendall(b"\x00\xff" * 50 + b"\r\n\r\n")


def endless_header(connection: socket.socket) -> None:
    read(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(4000):
        connection.sendall(b"A" * 1000)


@pytest.mark.parametrize(
    ("script", "problems"),
    [
        (silent, {"no answer in time"}),
        (dripping, {"no answer in time"}),
        (patient, {"no answer in time"}),
        (garbage, {"no HTTP answer"}),
        (endless_header, {"no HTTP answer"}),
    ],
)
def test_a_server_that_misbehaves_is_no_answer_and_holds_nobody_up(
    tmp_path: Path, secret: Path, script: Callable[[socket.socket], None], problems: set[str]
) -> None:
    told = facts_of(tmp_path)
    with scripted(script) as port:
        started = time.monotonic()
        answer = sender(f"http://127.0.0.1:{port}/", secret, timeout=0.4).send(told)
        assert time.monotonic() - started < 2
    assert isinstance(answer, NoAnswer)
    assert answer.problem in problems


def test_an_endless_body_is_not_read(tmp_path: Path, secret: Path) -> None:
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            sent += connection.send(b"A" * 65536)

    with scripted(endless) as port:
        assert sender(f"http://127.0.0.1:{port}/", secret).send(facts_of(tmp_path)) == Accepted()
    assert sent < 50_000_000


def test_nobody_there_is_no_answer(tmp_path: Path, secret: Path) -> None:
    answer = sender(f"http://127.0.0.1:{free_port()}/", secret).send(facts_of(tmp_path))
    assert answer == NoAnswer("Connection refused")


@pytest.mark.parametrize(("believed", "host"), [(True, "127.0.0.1"), (True, "localhost"), (False, "127.0.0.1")])
def test_over_tls_only_a_server_with_a_valid_certificate_gets_the_document(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, believed: bool, host: str
) -> None:
    ours = authority()
    issued = ours.server(["127.0.0.1"])
    (tmp_path / "server.pem").write_bytes(issued.certificate)
    (tmp_path / "server.key").write_bytes(issued.key)
    (tmp_path / "authority.pem").write_bytes((ours if believed else authority()).issued.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    posted = []

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            read(secured)
            posted.append(1)
            secured.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with scripted(serve) as port:
        answer = sender(f"https://{host}:{port}/", secret, timeout=3).send(facts_of(tmp_path))
    if believed and host == "127.0.0.1":
        assert (answer, posted) == (Accepted(), [1])
    else:
        assert isinstance(answer, NoAnswer)
        assert answer.problem.startswith("its certificate is not accepted")
        assert posted == []


def test_a_tls_handshake_that_never_ends_holds_nobody_up(tmp_path: Path, secret: Path) -> None:
    with scripted(silent) as port:
        started = time.monotonic()
        answer = sender(f"https://127.0.0.1:{port}/", secret, timeout=0.4).send(facts_of(tmp_path))
        assert time.monotonic() - started < 2
    assert answer == NoAnswer("no answer in time")


def test_facts_without_a_score_have_none_in_the_document(tmp_path: Path, secret: Path, server: Webhook) -> None:
    sender(server.url, secret).send(facts_of(tmp_path, Outcome.NOT_ANALYSED))
    sender(server.url, secret).send(replace(facts_of(tmp_path), test=True))
    refused, tried = (json.loads(posted.body) for posted in server.posted)
    assert (refused["score"], refused["reason"], refused["outcome"]) == (None, "incomplete", "not_analysed")
    assert tried["test"] is True
