"""TLS of reception: which peers get through the handshake, and files that are replaced while we run."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from structlog.testing import capture_logs
from support.fakes import ManualClock
from support.tls import TLS_1_1, TLS_1_2, Files, authority, client_context, handshake

from hounsfield.daemon.cli.trial_authority import TrialAuthority
from hounsfield.daemon.errors import TlsUnusable
from hounsfield.daemon.reception import tls
from hounsfield.daemon.reception.fingerprints import fingerprint, peer_fingerprint
from hounsfield.daemon.reception.tls import TlsIdentity, handshake_words, load_files

HOSTS = ("localhost",)


@pytest.fixture(scope="module")
def ours() -> TrialAuthority:
    return authority()


@pytest.fixture
def files(tmp_path: Path, ours: TrialAuthority) -> Files:
    made = Files(tmp_path / "server")
    made.write(ours, ours.server(HOSTS))
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
def identity(files: Files, clock: ManualClock) -> TlsIdentity:
    return TlsIdentity(files.settings(), clock)


def serves(identity: TlsIdentity, ours: TrialAuthority, folder: Path) -> str:
    """Return the fingerprint of the certificate that a good client sees."""
    done = handshake(identity.context(), client_context(ours, folder, ours.client("CT1")))
    assert (done.server_error, done.client_error) == (None, None)
    shown = done.client.getpeercert(binary_form=True)
    assert shown is not None
    return fingerprint(shown)


@pytest.mark.parametrize(("version", "name"), [(ssl.TLSVersion.TLSv1_3, "TLSv1.3"), (TLS_1_2, "TLSv1.2")])
def test_a_peer_with_a_certificate_of_our_authority_gets_through_and_is_known_by_it(
    identity: TlsIdentity, ours: TrialAuthority, tmp_path: Path, version: ssl.TLSVersion, name: str
) -> None:
    shown = ours.client("CT1")
    done = handshake(identity.context(), client_context(ours, tmp_path, shown, version=version))
    assert (done.server_error, done.client_error, done.server.version()) == (None, None, name)
    assert peer_fingerprint(done.server) == shown.fingerprint


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
@pytest.mark.parametrize("bits", ["128-GCM-SHA256", "256-GCM-SHA384"])
def test_each_suite_of_the_profile_is_spoken_over_tls_1_2(
    files: Files, ours: TrialAuthority, tmp_path: Path, rsa_key: rsa.RSAPrivateKey, kind: str, bits: str
) -> None:
    files.write(ours, ours.server(HOSTS, key=rsa_key if kind == "RSA" else None))
    suite = f"ECDHE-{kind}-AES{bits}"
    client = client_context(ours, tmp_path, ours.client("CT1"), version=TLS_1_2, suites=suite)
    done = handshake(load_files(files.settings()).context, client)
    assert done.server_error is None
    assert done.server.cipher()[0] == suite  # type: ignore[index]


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def lax_server(files: Files) -> ssl.SSLContext:
    """Return a server that takes everything: what it takes from a client, ours must have refused on purpose."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(files.certificate, files.key)
    return context


@pytest.mark.parametrize(
    ("suite", "version", "reason"),
    [
        ("DEFAULT", TLS_1_1, "UNSUPPORTED_PROTOCOL"),
        ("AES128-GCM-SHA256", TLS_1_2, "NO_SHARED_CIPHER"),  # RSA key exchange: no forward secrecy
        ("ECDHE-RSA-AES128-SHA256", TLS_1_2, "NO_SHARED_CIPHER"),  # CBC
        ("ECDHE-RSA-AES256-SHA", TLS_1_2, "NO_SHARED_CIPHER"),  # CBC with SHA-1
        ("DHE-RSA-AES256-GCM-SHA384", TLS_1_2, "NO_SHARED_CIPHER"),  # finite fields
        ("ECDHE-RSA-CHACHA20-POLY1305", TLS_1_2, "NO_SHARED_CIPHER"),  # not of the profile
    ],
)
def test_an_old_version_or_a_suite_outside_the_profile_is_refused(
    files: Files,
    ours: TrialAuthority,
    tmp_path: Path,
    rsa_key: rsa.RSAPrivateKey,
    suite: str,
    version: ssl.TLSVersion,
    reason: str,
) -> None:
    files.write(ours, ours.server(HOSTS, key=rsa_key))
    client = client_context(ours, tmp_path, ours.client("CT1"), version=version, suites=suite)
    done = handshake(load_files(files.settings()).context, client)
    assert done.server_error is not None
    assert done.server_error.reason == reason
    assert done.client_error is not None
    if not suite.startswith("DHE"):  # which Python has no parameters for
        assert handshake(lax_server(files), client).server_error is None


def test_a_peer_without_a_certificate_is_refused(identity: TlsIdentity, ours: TrialAuthority, tmp_path: Path) -> None:
    done = handshake(identity.context(), client_context(ours, tmp_path))
    assert done.server_error is not None
    assert handshake_words(done.server_error) == "it shows no certificate"


def test_a_certificate_of_another_authority_is_refused_even_with_the_same_name(
    identity: TlsIdentity, ours: TrialAuthority, tmp_path: Path
) -> None:
    for other in (authority("another"), authority()):
        done = handshake(identity.context(), client_context(ours, tmp_path, other.client("CT1")))
        assert isinstance(done.server_error, ssl.SSLCertVerificationError)
        assert handshake_words(done.server_error).startswith("its certificate is not accepted")


def test_an_expired_certificate_of_a_peer_is_refused(ours: TrialAuthority, tmp_path: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=30)
    old = authority(now=past)
    believed = Files(tmp_path / "old")
    believed.write(old, ours.server(HOSTS))
    context = load_files(believed.settings()).context
    done = handshake(context, client_context(ours, tmp_path, old.client("CT1")))
    assert done.server_error is not None
    assert "expired" in handshake_words(done.server_error)


def test_a_certificate_for_servers_does_not_make_a_client(
    identity: TlsIdentity, ours: TrialAuthority, tmp_path: Path
) -> None:
    done = handshake(identity.context(), client_context(ours, tmp_path, ours.server(("CT1",))))
    assert done.server_error is not None
    assert "unsuitable certificate purpose" in handshake_words(done.server_error)


def test_several_authorities_may_stand_in_one_file(files: Files, ours: TrialAuthority, tmp_path: Path) -> None:
    second = authority("second")
    files.authority.write_bytes(b"# M\xc3\xbcller\n" + ours.issued.certificate + second.issued.certificate)
    context = load_files(files.settings()).context
    for signer in (ours, second):
        shown = signer.client("CT1")
        assert peer_fingerprint(handshake(context, client_context(ours, tmp_path, shown)).server) == shown.fingerprint


def test_where_certificates_are_optional_none_is_accepted_but_a_wrong_one_is_not(
    files: Files, ours: TrialAuthority, tmp_path: Path
) -> None:
    context = load_files(files.settings(require_peer_certificate=False)).context
    done = handshake(context, client_context(ours, tmp_path))
    assert (done.server_error, peer_fingerprint(done.server)) == (None, None)
    right = ours.client("CT1")
    assert peer_fingerprint(handshake(context, client_context(ours, tmp_path, right)).server) == right.fingerprint
    wrong = authority("another").client("CT1")
    assert handshake(context, client_context(ours, tmp_path, wrong)).server_error is not None


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"\x01\x00\x00\x00\x00\xd0\x00\x01\x00\x00" + b" " * 200, "does not speak TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", "it speaks HTTP"),
    ],
)
def test_who_speaks_something_else_is_told_in_words(identity: TlsIdentity, sent: bytes, words: str) -> None:
    incoming = ssl.MemoryBIO()
    connection = identity.context().wrap_bio(incoming, ssl.MemoryBIO(), server_side=True)
    incoming.write(sent)
    with pytest.raises(ssl.SSLError) as caught:
        connection.do_handshake()
    assert words in handshake_words(caught.value)


def test_other_failures_of_a_handshake_have_words_too() -> None:
    assert handshake_words(TimeoutError()) == "it took too long"
    assert handshake_words(ConnectionResetError()) == "the connection ended"


def test_neither_tickets_nor_renegotiation_nor_compression_are_offered(
    identity: TlsIdentity, ours: TrialAuthority, tmp_path: Path
) -> None:
    context = identity.context()
    for option in (ssl.OP_NO_TICKET, ssl.OP_NO_RENEGOTIATION, ssl.OP_NO_COMPRESSION):
        assert context.options & option
    for version in (ssl.TLSVersion.TLSv1_3, TLS_1_2):
        done = handshake(context, client_context(ours, tmp_path, ours.client("CT1"), version=version))
        with pytest.raises(ssl.SSLWantReadError):
            done.client.read()  # TLS 1.3 sends tickets after the handshake
        assert done.client.session is not None
        assert not done.client.session.has_ticket


def test_a_resumed_session_still_knows_the_peers_certificate(
    identity: TlsIdentity, ours: TrialAuthority, tmp_path: Path
) -> None:
    shown = ours.client("CT1")
    client = client_context(ours, tmp_path, shown, version=TLS_1_2)
    first = handshake(identity.context(), client)
    second = handshake(identity.context(), client, session=first.client.session)
    assert second.client.session_reused
    assert peer_fingerprint(second.server) == shown.fingerprint


def test_a_context_that_has_gathered_many_sessions_is_replaced(
    identity: TlsIdentity,
    clock: ManualClock,
    ours: TrialAuthority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tls, "MOST_SESSIONS", 1)
    client = client_context(ours, tmp_path, ours.client("CT1"), version=TLS_1_2)
    kept = [handshake(identity.context(), client) for _ in range(2)]
    before = identity.context()
    assert before.session_stats()["number"] == len(kept)
    clock.advance(1)
    assert identity.context() is not before
    assert identity.context().session_stats()["number"] == 0


def test_replaced_files_count_within_a_second_and_nothing_is_read_in_between(
    identity: TlsIdentity, files: Files, clock: ManualClock, ours: TrialAuthority, tmp_path: Path
) -> None:
    first = identity.context()
    newer = ours.server(HOSTS)
    files.write(ours, newer)
    clock.advance(0.9)
    assert identity.context() is first
    clock.advance(0.1)
    assert serves(identity, ours, tmp_path) == newer.fingerprint
    second = identity.context()
    clock.advance(60)
    assert identity.context() is second
    assert identity.fault is None


def test_a_replaced_authority_counts_too(
    identity: TlsIdentity, files: Files, clock: ManualClock, ours: TrialAuthority, tmp_path: Path
) -> None:
    identity.context()
    other = authority("another")
    files.authority.write_bytes(other.issued.certificate)
    clock.advance(1)
    context = identity.context()
    assert handshake(context, client_context(ours, tmp_path, other.client("CT1"))).server_error is None
    assert handshake(context, client_context(ours, tmp_path, ours.client("CT1"))).server_error is not None


def test_files_behind_a_link_that_is_moved_count_too(
    files: Files, clock: ManualClock, ours: TrialAuthority, tmp_path: Path
) -> None:
    link = Files(tmp_path / "live")
    link.folder.symlink_to(files.folder)
    identity = TlsIdentity(link.settings(), clock)
    identity.context()
    renewed, newer = Files(tmp_path / "renewed"), ours.server(HOSTS)
    renewed.write(ours, newer)
    (tmp_path / "next").symlink_to(renewed.folder)
    (tmp_path / "next").replace(link.folder)
    clock.advance(1)
    assert serves(identity, ours, tmp_path) == newer.fingerprint


def test_broken_files_leave_the_certificate_before_in_force_and_are_told_once(
    identity: TlsIdentity, files: Files, clock: ManualClock, ours: TrialAuthority, tmp_path: Path
) -> None:
    before = serves(identity, ours, tmp_path)
    good_key = files.key.read_bytes()
    files.key.write_bytes(b"-----BEGIN PRIVATE KEY-----\nbroken\n")
    with capture_logs() as lines:
        for _ in range(3):
            clock.advance(1)
            assert serves(identity, ours, tmp_path) == before
    (line,) = lines
    assert (line["log_level"], line["setting"]) == ("error", "tls.key")
    assert "stays in force" in line["consequence"]
    assert identity.fault is not None
    assert identity.fault.setting == "tls.key"
    files.key.write_bytes(good_key)
    clock.advance(1)
    assert serves(identity, ours, tmp_path) == before
    assert identity.fault is None


def test_a_certificate_that_is_replaced_before_its_key_counts_when_both_are_there(
    identity: TlsIdentity, files: Files, clock: ManualClock, ours: TrialAuthority, tmp_path: Path
) -> None:
    before, newer = serves(identity, ours, tmp_path), ours.server(HOSTS)
    files.certificate.write_bytes(newer.certificate)
    clock.advance(1)
    assert serves(identity, ours, tmp_path) == before
    files.key.write_bytes(newer.key)
    clock.advance(1)
    assert serves(identity, ours, tmp_path) == newer.fingerprint


def test_files_that_are_gone_change_nothing_until_they_are_back(
    identity: TlsIdentity, files: Files, clock: ManualClock, ours: TrialAuthority, tmp_path: Path
) -> None:
    before = serves(identity, ours, tmp_path)
    files.certificate.unlink()
    clock.advance(1)
    assert serves(identity, ours, tmp_path) == before
    assert identity.fault is not None
    assert "cannot be read" in identity.fault.problem


def test_without_any_usable_files_there_is_no_context_until_they_are_mended(
    files: Files, clock: ManualClock, ours: TrialAuthority, tmp_path: Path
) -> None:
    key = files.key.read_bytes()
    files.key.unlink()
    identity = TlsIdentity(files.settings(), clock)
    for _ in range(2):
        with pytest.raises(TlsUnusable, match=r"^tls\.key: .* cannot be read"):
            identity.context()
    assert identity.not_after is None
    files.key.write_bytes(key)
    clock.advance(1)
    assert serves(identity, ours, tmp_path)
    assert identity.not_after is not None


def encrypted(key: bytes) -> bytes:
    loaded = load_pem_private_key(key, password=None)
    return loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def test_files_that_cannot_be_used_are_told_with_their_setting_and_a_way_out(
    files: Files, ours: TrialAuthority
) -> None:
    good = {path: path.read_bytes() for path in (files.certificate, files.key, files.authority)}
    weak = ours.server(HOSTS, key=rsa.generate_private_key(65537, 1024))
    cases = [
        ({files.certificate: b"no certificate"}, "tls.certificate", "holds no certificate in PEM form"),
        ({files.certificate: good[files.key]}, "tls.certificate", "holds no certificate in PEM form"),
        ({files.key: ours.client("x").key}, "tls.key", "is not the key of the first certificate"),
        ({files.key: b""}, "tls.key", "holds no private key in PEM form"),
        ({files.key: encrypted(good[files.key])}, "tls.key", "has a passphrase"),
        ({files.certificate: weak.certificate, files.key: weak.key}, "tls.certificate", "too weak"),
        ({files.authority: b""}, "tls.authority", "holds no certificate in PEM form"),
    ]
    for changes, setting, words in cases:
        for path, content in (good | changes).items():
            path.write_bytes(content)
        with pytest.raises(TlsUnusable) as caught:
            load_files(files.settings())
        assert caught.value.setting == setting
        assert words in caught.value.problem
        assert caught.value.remedy


def test_believing_nobody_in_particular_is_never_a_fallback(files: Files) -> None:
    with pytest.raises(TlsUnusable, match=r"tls\.authority"):
        load_files(files.settings(authority=None))


def test_an_expired_certificate_is_told_once_and_stays_in_force(
    identity: TlsIdentity, clock: ManualClock, ours: TrialAuthority, tmp_path: Path
) -> None:
    with capture_logs() as lines:
        context = identity.context()
        clock.advance(3 * 86400)
        for _ in range(3):
            clock.advance(1)
            assert identity.context() is context
    told = [(line["setting"], line["log_level"]) for line in lines if "wrong dates" in line["event"]]
    assert told == [("tls.certificate", "error"), ("tls.authority", "error")]
