"""`hounsfield tls init` and `show`, and what the doctor says of the files of `[tls]`."""

import json
import re
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from support.peers import free_port
from support.tls import Files, authority, handshake
from typer.testing import CliRunner

from hounsfield.daemon.cli import new_files, tls_checks
from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.cli.main import app
from hounsfield.daemon.cli.tls_checks import check_tls, check_tls_files, check_tls_port
from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.reception.fingerprints import peer_fingerprint
from hounsfield.daemon.reception.tls import load_files

runner = CliRunner(env={"NO_COLOR": "1", "HOUNSFIELD_CONFIG": None})
NOW = datetime.now(UTC)


def made(folder: Path, *options: str) -> Settings:
    """Make certificates and return the configuration that was printed for them."""
    result = runner.invoke(app, ["tls", "init", str(folder), *options])
    assert result.exit_code == 0, result.stderr
    file = folder.parent / "printed.toml"
    file.write_text(result.stdout)
    return load_settings(file)


def loaded(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_init_prints_a_configuration_with_which_each_peer_gets_in(tmp_path: Path) -> None:
    settings = made(tmp_path / "new" / "certificates", "--peer", "CT1", "--peer", "CT 2")
    assert settings.tls.port == 2762
    context = load_files(settings.tls).context
    assert [peer.ae_title for peer in settings.peer] == ["CT1", "CT 2"]
    for peer, stem in zip(settings.peer, ("peer-CT1", "peer-CT_2"), strict=True):
        folder = tmp_path / "new" / "certificates"
        client = ssl.create_default_context(cafile=str(folder / "authority.pem"))  # it checks the name localhost too
        client.load_cert_chain(folder / f"{stem}.pem", folder / f"{stem}.key")
        done = handshake(context, client)
        assert (done.server_error, done.client_error) == (None, None)
        assert peer_fingerprint(done.server) == peer.certificate


def test_init_makes_certificates_that_openssl_verifies(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    made(tmp_path / "c", "--host", "pacs.example", "--host", "10.1.2.3", "--days", "90")
    certificate = loaded(tmp_path / "c" / "server.pem")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["pacs.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["10.1.2.3"]
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert timedelta(days=89) < certificate.not_valid_after_utc - NOW <= timedelta(days=91)
    for name, purpose in (("server", "sslserver"), ("peer-scanner", "sslclient")):
        certificate = loaded(tmp_path / "c" / f"{name}.pem")
        certificate.verify_directly_issued_by(loaded(tmp_path / "c" / "authority.pem"))
        if openssl is not None:
            chain = [openssl, "verify", "-x509_strict", "-purpose", purpose, "-CAfile", tmp_path / "c/authority.pem"]
            done = subprocess.run([*chain, tmp_path / f"c/{name}.pem"], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


def test_init_keeps_keys_to_their_owner_and_says_that_they_are_for_tests(tmp_path: Path) -> None:
    result = runner.invoke(app, ["tls", "init", str(tmp_path / "c")])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "c").iterdir()}
    assert set(modes) == {f"{stem}.{end}" for stem in ("authority", "server", "peer-scanner") for end in ("pem", "key")}
    assert {name for name, mode in modes.items() if mode & 0o077} <= {n for n in modes if n.endswith(".pem")}
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
    assert "for tests" in result.stderr
    assert "echoscu +tls" in result.stderr


def test_init_overwrites_nothing_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "server.key").write_text("mine")
    result = runner.invoke(app, ["tls", "init", str(tmp_path / "c")])
    assert result.exit_code == 1
    assert "server.key already" in result.stderr
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["server.key"]
    assert (tmp_path / "c" / "server.key").read_text() == "mine"


def test_a_failure_in_between_takes_back_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fail_at_the_second(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(new_files.os, "fsync", fail_at_the_second)
    result = runner.invoke(app, ["tls", "init", str(tmp_path / "c")])
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert list((tmp_path / "c").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "a b"), "--host"),
        (("--peer", "SEVENTEENLETTERS_"), "17 characters"),
        (("--peer", "A/B", "--peer", "A B"), "would have the names of another peer's"),
        (("--peer", "CT1", "--peer", "CT1"), "would have the names of another peer's"),
    ],
)
def test_init_refuses_what_it_cannot_write_down(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    result = runner.invoke(app, ["tls", "init", str(tmp_path / "c"), *options])
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "c").exists()


def test_an_ae_title_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    made(tmp_path / "c", "--peer", "../../x")
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".toml"] == ["c"]
    assert (tmp_path / "c" / "peer-______x.key").exists()


def configured(files: Files) -> list[str]:
    """Write a configuration that names the files; return the option for it."""
    lines = [f"{key} = {json.dumps(str(getattr(files, key)))}" for key in ("certificate", "key", "authority")]
    file = files.folder / "my.toml"
    file.write_text("\n".join(["[tls]", "port = 2762", *lines]))
    return ["-c", str(file)]


def with_certificates(folder: Path, *, days: float = 365, issued: datetime = NOW) -> Files:
    files, signer = Files(folder), authority(now=issued, days=days)
    files.write(signer, signer.server(("localhost", "10.1.2.3")))
    files.key.chmod(0o600)
    return files


def test_show_tells_all_about_certificate_and_authority(tmp_path: Path) -> None:
    files = with_certificates(tmp_path)
    result = runner.invoke(app, ["tls", "show", "--json", *configured(files)])
    assert result.exit_code == 0
    ours, signer = (json.loads(line) for line in result.stdout.splitlines())
    assert (ours["setting"], signer["setting"]) == ("tls.certificate", "tls.authority")
    assert ours["issuer"] == signer["subject"] == "CN=test authority"
    assert ours["names"] == ["localhost", "10.1.2.3"]
    assert ours["days_left"] in (364, 365)
    assert re.fullmatch(r"[0-9a-f]{64}", ours["fingerprint"])
    text = runner.invoke(app, ["tls", "show", *configured(files)]).stdout
    for words in (ours["fingerprint"], "localhost, 10.1.2.3", "in 364 days", "CN=test authority"):
        assert words in text


def test_show_fails_where_tls_cannot_work(tmp_path: Path) -> None:
    expired = with_certificates(tmp_path / "expired", days=1, issued=NOW - timedelta(days=9))
    result = runner.invoke(app, ["tls", "show", "--json", *configured(expired)])
    assert result.exit_code == 1
    assert json.loads(result.stdout.splitlines()[0])["days_left"] < 0
    assert "tls.certificate: expired on" in result.stderr
    other_key = with_certificates(tmp_path / "key")
    other_key.key.write_bytes(authority().client("x").key)
    result = runner.invoke(app, ["tls", "show", *configured(other_key)])
    assert (result.exit_code, "tls.key" in result.stderr) == (1, True)
    unreadable = with_certificates(tmp_path / "gone")
    unreadable.certificate.unlink()
    unreadable.authority.write_text("")
    result = runner.invoke(app, ["tls", "show", *configured(unreadable)])
    assert result.exit_code == 1
    assert "tls.certificate" in result.stderr
    assert "tls.authority" in result.stderr


def test_show_without_a_certificate_says_where_one_comes_from() -> None:
    result = runner.invoke(app, ["tls", "show"])
    assert result.exit_code == 4
    assert "hounsfield tls init" in result.stderr


def checks(files: Files, now: datetime = NOW) -> list[Check]:
    settings = files.settings()
    return list(check_tls_files(settings, load_files(settings), now))


def test_the_doctor_is_silent_where_tls_is_not_configured(tmp_path: Path) -> None:
    assert list(check_tls(Settings(), NOW)) == []


def test_the_doctor_warns_a_month_before_the_end_and_fails_after_it(tmp_path: Path) -> None:
    files = with_certificates(tmp_path, days=100)
    for days, level in ((0, Level.OK), (69, Level.OK), (71, Level.WARNING), (101, Level.PROBLEM)):
        found = checks(files, NOW + timedelta(days=days))
        assert [check.level for check in found] == [level, level], days
    assert "tls.certificate: CN=" in found[0].message
    assert "without a restart" in found[0].mend


def test_the_doctor_tells_files_that_cannot_be_used(tmp_path: Path) -> None:
    files = with_certificates(tmp_path)
    files.key.write_bytes(authority().client("x").key)
    (check,) = check_tls(load_settings(Path(configured(files)[1])), NOW)
    assert check.level is Level.PROBLEM
    assert check.message.startswith("tls.key: ")
    assert check.mend


def test_one_old_authority_among_others_is_a_warning_only(tmp_path: Path) -> None:
    files = with_certificates(tmp_path)
    old = authority("old", now=NOW - timedelta(days=9), days=1)
    files.authority.write_bytes(files.authority.read_bytes() + old.issued.certificate)
    assert [check.level for check in checks(files)] == [Level.OK, Level.OK, Level.WARNING]


def test_the_doctor_warns_of_a_key_that_everybody_may_read(tmp_path: Path) -> None:
    files = with_certificates(tmp_path)
    files.key.chmod(0o644)
    *_, check = checks(files)
    assert check.level is Level.WARNING
    assert "chmod 600" in check.mend


@contextmanager
def serving(context: ssl.SSLContext) -> Iterator[int]:
    """Serve handshakes, one after the other, on a port of loopback."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(5)
                with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_the_doctor_sees_that_the_service_shows_the_certificate_of_the_file(tmp_path: Path) -> None:
    files = with_certificates(tmp_path)
    loaded_files = load_files(files.settings())
    with serving(loaded_files.context) as port:
        ours = check_tls_port("127.0.0.1", port, loaded_files.certificate.fingerprint)
        other = check_tls_port("127.0.0.1", port, "00" * 32)
    assert (ours.level, "the service shows tls.certificate" in ours.message) == (Level.OK, True)
    assert (other.level, "another certificate" in other.message) == (Level.PROBLEM, True)


def test_the_doctor_tells_a_free_port_and_one_that_something_else_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tls_checks, "PROBE_SECONDS", 0.3)
    assert check_tls_port("127.0.0.1", free_port(), "").level is Level.OK
    assert check_tls_port("127.0.0.1", 0, "").level is Level.OK
    with socket.create_server(("127.0.0.1", 0)) as silent:
        taken = check_tls_port("127.0.0.1", silent.getsockname()[1], "")
    assert (taken.level, "another tls.port" in taken.mend) == (Level.PROBLEM, True)
    assert check_tls_port("192.0.2.1", 2762, "").level is Level.PROBLEM


def test_the_doctor_looks_at_files_and_port(tmp_path: Path) -> None:
    settings = load_settings(Path(configured(with_certificates(tmp_path))[1]))
    settings = settings.model_copy(update={"tls": settings.tls.model_copy(update={"port": free_port()})})
    messages = [check.message for check in check_tls(settings, NOW)]
    assert [message.split(":")[0] for message in messages] == ["tls.certificate", "tls.authority", "tls.port"]
