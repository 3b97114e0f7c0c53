"""`[tls]` and the certificate of a `[[peer]]`: what is refused, and at which key it is told."""

from pathlib import Path
from typing import Any

import pytest

from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.errors import ConfigurationError

FILES = 'certificate = "a.pem"\nkey = "a.key"\nauthority = "ca.pem"\n'
PRINT = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.upper().startswith("HOUNSFIELD_"):
            monkeypatch.delenv(name)


def load(folder: Path, text: str) -> Settings:
    file = folder / "my.toml"
    file.write_text(text)
    return load_settings(file)


def peer(**values: Any) -> str:
    lines = {"ae_title": "CT1", "host": "10.0.0.1"} | values
    return "[[peer]]\n" + "".join(f'{key} = "{value}"\n' for key, value in lines.items())


def test_without_the_table_there_is_no_tls() -> None:
    settings = Settings()
    assert settings.tls.port is None
    assert settings.tls.require_peer_certificate is True


def test_a_port_with_its_files_is_taken_and_paths_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tls = load(tmp_path, f"[tls]\nport = 2762\n{FILES}").tls
    assert (tls.port, tls.host) == (2762, None)
    assert (tls.certificate, tls.key, tls.authority) == (
        tmp_path / "a.pem",
        tmp_path / "a.key",
        tmp_path / "ca.pem",
    )


def test_without_mutual_authentication_no_authority_is_needed(tmp_path: Path) -> None:
    text = '[tls]\nport = 0\ncertificate = "a.pem"\nkey = "a.key"\nrequire_peer_certificate = false\n'
    assert load(tmp_path, text).tls.authority is None


def test_both_ports_may_be_free_ones(tmp_path: Path) -> None:
    assert load(tmp_path, f"[dicom]\nport = 0\n[tls]\nport = 0\n{FILES}").tls.port == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[tls]\nport = 2762\nkey = "a"\nauthority = "a"', ["tls.certificate", "is missing", "hounsfield tls init"]),
        ('[tls]\nport = 2762\ncertificate = "a"\nauthority = "a"', ["tls.key", "is missing"]),
        (
            '[tls]\nport = 2762\ncertificate = "a"\nkey = "a"',
            ["tls.authority", "is missing", "tls.require_peer_certificate = false"],
        ),
        (f"[tls]\nport = 11112\n{FILES}", ["tls.port", "11112 is dicom.port", "2762"]),
        (f"[tls]\nport = 70000\n{FILES}", ["tls.port", "70000", "0 to 65535"]),
        (f'[tls]\nport = 2762\nhost = "0.0.0.0"\n{FILES}', ["tls.host", "no [[peer]]", "dicom.allow_any_peer"]),
        ("[tls]\ncertificat = 1", ["tls.certificat", 'did you mean "certificate"']),
        (peer(certificate="abcd"), ["peer[0].certificate", '"abcd"', "64 hexadecimal digits"]),
        (peer(certificate=PRINT + "00"), ["peer[0].certificate", "64 hexadecimal digits"]),
        (peer(certificate=PRINT), ["peer[0].certificate", '"CT1" could never come', "set tls.port"]),
        (
            '[tls]\nport = 1\ncertificate = "a"\nkey = "a"\nrequire_peer_certificate = false\n'
            + peer()
            + peer(ae_title="CT2", certificate=PRINT),
            ["peer[1].certificate", '"CT2" could never come', "set tls.authority"],
        ),
    ],
)
def test_what_does_not_hang_together_is_told_at_its_key(tmp_path: Path, text: str, expected: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    (line,) = str(caught.value).splitlines()
    assert line.split(": ")[1] == expected[0]
    for words in expected:
        assert words in line


@pytest.mark.parametrize(
    "given", [PRINT, PRINT.upper(), ":".join(PRINT[i : i + 2].upper() for i in range(0, 64, 2)), f" {PRINT} "]
)
def test_a_fingerprint_is_the_same_however_it_is_written(tmp_path: Path, given: str) -> None:
    settings = load(tmp_path, f"[tls]\nport = 2762\n{FILES}" + peer(certificate=given))
    assert settings.peer[0].certificate == PRINT
