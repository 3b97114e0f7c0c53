"""Which TLS a receiver speaks, compared with its conformance statement."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support.pdu_wire import connected, echo
from support.reception import receiving
from support.statements import network_part
from support.tls import NEWEST, TLS_1_1, TLS_1_2, Files, authority, client_context, handshake

from hounsfield.daemon.cli.trial_authority import TrialAuthority
from hounsfield.daemon.conformance.security import SUITES, VERSIONS
from hounsfield.daemon.reception.tls import load_files

HOSTS = ("localhost", "127.0.0.1")
VERSION_NAMES = {NEWEST: "TLS 1.3", TLS_1_2: "TLS 1.2", TLS_1_1: "TLS 1.1", ssl.TLSVersion.TLSv1: "TLS 1.0"}


@pytest.fixture(scope="module")
def ours() -> TrialAuthority:
    return authority()


def stated_suites(version: str) -> set[str]:
    table = network_part().table(SUITES)
    return {name for of, name in zip(table.column("version"), table.column("suite"), strict=True) if of == version}


def registered(openssl_name: str) -> str:
    """The name that IANA has for one of OpenSSL's names, for suites with ephemeral keys and AEAD."""
    exchange, signature, cipher, mode, digest = openssl_name.split("-")
    return f"TLS_{exchange}_{signature}_WITH_{cipher.replace('AES', 'AES_')}_{mode}_{digest}"


@pytest.mark.parametrize("version", VERSION_NAMES, ids=VERSION_NAMES.values())
def test_exactly_the_stated_versions_are_spoken(ours: TrialAuthority, tmp_path: Path, version: ssl.TLSVersion) -> None:
    files = Files(tmp_path / "server")
    files.write(ours, ours.server(HOSTS))
    client = client_context(ours, tmp_path, ours.client("CT1"), version=version)
    done = handshake(load_files(files.settings()).context, client)
    is_stated = VERSION_NAMES[version] in network_part().table(VERSIONS).column("version")
    assert (done.server_error is None) == is_stated


def test_exactly_the_stated_suites_of_tls_1_2_are_spoken(ours: TrialAuthority, tmp_path: Path) -> None:
    everything = [one["name"] for one in all_ciphers() if one["protocol"] != "TLSv1.3"]
    assert len(everything) > 20
    spoken = set()
    for kind, key in (("ecdsa", None), ("rsa", rsa.generate_private_key(65537, 2048))):
        files = Files(tmp_path / kind)
        files.write(ours, ours.server(HOSTS, key=key))
        server = load_files(files.settings()).context
        client = client_context(ours, tmp_path, ours.client("CT1"), version=TLS_1_2)
        for name in everything:
            client.set_ciphers(f"{name}:@SECLEVEL=0")
            if handshake(server, client).server_error is None:
                spoken.add(registered(name))
    assert spoken == stated_suites("TLS 1.2")


def all_ciphers() -> list[dict[str, str]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context.get_ciphers()  # type: ignore[return-value]


def test_exactly_the_stated_suites_of_tls_1_3_are_switched_on(ours: TrialAuthority, tmp_path: Path) -> None:
    files = Files(tmp_path / "server")
    files.write(ours, ours.server(HOSTS))
    ciphers = load_files(files.settings()).context.get_ciphers()
    assert {one["name"] for one in ciphers if one["protocol"] == "TLSv1.3"} == stated_suites("TLS 1.3")


@pytest.mark.parametrize("version", [TLS_1_2, NEWEST], ids=["1.2", "1.3"])
def test_a_running_receiver_answers_over_each_stated_version(
    ours: TrialAuthority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    files = Files(tmp_path / "server")
    files.write(ours, ours.server(HOSTS))
    client = client_context(ours, tmp_path, ours.client("CT1"), version=version)
    with receiving(tmp_path, tls=files.settings()) as reception, connected(reception.tls_port, tls=client) as wire:
        wire.send(echo(8))
        assert wire.statuses(1) == [(8, 0)]
