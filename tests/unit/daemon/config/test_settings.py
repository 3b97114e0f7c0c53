import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.config.describe import describe
from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.config.values import check_ae_title, check_host, check_peer_host, is_loopback
from hounsfield.daemon.errors import ConfigurationError, DaemonError


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch):
    import os

    for name in list(os.environ):
        if name.upper().startswith("HOUNSFIELD_"):
            monkeypatch.delenv(name)


@pytest.fixture
def toml(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems_of(path: Path | None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    return str(caught.value).splitlines()


def test_without_a_file_the_defaults_hold():
    settings = load_settings()
    assert (settings.dicom.ae_title, settings.dicom.host, settings.dicom.port) == ("HOUNSFIELD", "127.0.0.1", 11112)
    assert settings.dicom.accept == "ct+companions"
    assert settings.dicom.check_called_ae is True
    assert settings.assembly.quiet_seconds == 10
    assert settings.destination == ()


def test_paths_below_home_follow_the_working_directory_of_the_load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = load_settings().storage
    assert storage.home == tmp_path / "hounsfield-home"
    assert storage.spool_folder == tmp_path / "hounsfield-home" / "spool"
    assert storage.resolved_database_url == f"sqlite:///{tmp_path}/hounsfield-home/hounsfield.db"


def test_the_file_is_read_and_the_environment_wins_key_by_key(toml, monkeypatch):
    path = toml('[dicom]\nport = 1234\nae_title = "FILE"\n[[peer]]\nae_title = "A"\nhost = "10.0.0.0/8"\n')
    monkeypatch.setenv("HOUNSFIELD_DICOM__PORT", "0")
    settings = load_settings(path)
    assert (settings.dicom.port, settings.dicom.ae_title) == (0, "FILE")
    assert settings.peer[0].host == ("10.0.0.0/8",)


def test_arrays_come_from_the_environment_as_json_and_replace_those_of_the_file(toml, monkeypatch):
    path = toml('[[destination]]\nname = "file"\nae_title = "A"\nhost = "127.0.0.1"\nport = 1\n')
    entry = {"name": "env", "ae_title": "ORTHANC", "host": "localhost", "port": 4242, "results": ["sr"]}
    monkeypatch.setenv("HOUNSFIELD_DESTINATION", json.dumps([entry]))
    monkeypatch.setenv("HOUNSFIELD_PEER", '[{"ae_title": "CT", "host": "10.1.2.3"}]')
    monkeypatch.setenv("HOUNSFIELD_BUNDLE", '[{"path": "/bundles/a"}, {"path": "/bundles/b"}]')
    monkeypatch.setenv("HOUNSFIELD_RULE", "[]")
    settings = load_settings(path)
    assert [(d.name, d.results, d.port) for d in settings.destination] == [("env", ("sr",), 4242)]
    assert [p.ae_title for p in settings.peer] == ["CT"]
    assert [str(b.path) for b in settings.bundle] == ["/bundles/a", "/bundles/b"]


def test_a_peer_has_one_host_or_several_and_a_certificate_in_any_usual_form(toml):
    colons = ":".join(["AB"] * 32)
    path = toml(
        '[tls]\nport = 2762\ncertificate = "a.pem"\nkey = "a.key"\nauthority = "b.pem"\n'
        '[[peer]]\nae_title = "A"\nhost = "ct.example"\n'
        f'[[peer]]\nae_title = "B"\nhost = ["10.1.2.3", "10.2.9.9/16", "10.1.2.3"]\ncertificate = "{colons}"\n'
    )
    one, several = load_settings(path).peer
    assert one.host == ("ct.example",)
    assert several.host == ("10.1.2.3", "10.2.0.0/16")
    assert (one.certificate, several.certificate) == (None, "ab" * 32)
    assert {row.key: row.value for row in describe(load_settings(path))}[
        "peer[1].host"
    ] == '["10.1.2.3", "10.2.0.0/16"]'


def test_several_hosts_of_a_peer_can_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("HOUNSFIELD_PEER", '[{"ae_title": "CT", "host": ["10.1.2.3", "ct.example"]}]')
    assert load_settings().peer[0].host == ("10.1.2.3", "ct.example")


def test_settings_cannot_be_changed():
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.dicom.port = 1
    with pytest.raises(ValueError, match="frozen"):
        settings.peer = ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[dicom]\nport = 70000", ["dicom.port", "70000", "0 to 65535"]),
        ("[dicom]\nprot = 1", ["dicom.prot", 'did you mean "port"', "ae_title"]),
        ("[dicmo]\nport = 1", ["dicmo", 'did you mean "dicom"']),
        ('[dicom]\nae_title = "SEVENTEENLETTERS_"', ["dicom.ae_title", "17 characters", "1 to 16"]),
        ('[dicom]\nae_title = "A\\\\B"', ["dicom.ae_title", "backslash"]),
        ('[dicom]\naccept = "everything"', ["dicom.accept", '"everything"', '"all-storage"']),
        ('[dicom]\ncheck_called_ae = "perhaps"', ["dicom.check_called_ae", "true or false"]),
        ('[site]\ntimezone = "Mars/Olympus"', ["site.timezone", "Mars/Olympus", "Europe/Berlin"]),
        ('[worker]\ndevice = "tpu"', ["worker.device", "gpu:N"]),
        ("[assembly]\nquiet_seconds = 0", ["assembly.quiet_seconds", "above 0"]),
        ('[[peer]]\nae_title = "A"', ["peer[0].host", "is missing"]),
        ('[[peer]]\nae_title = "A"\nhost = "10.0.0.0/99"', ["peer[0].host", "network"]),
        (
            '[[peer]]\nae_title = "A"\nhost = ["10.1.2.3", "10.0.0.0/99"]',
            ["peer[0].host: given [", '"10.0.0.0/99"', "not a network", "a list of them"],
        ),
        ('[[peer]]\nae_title = "A"\nhost = []', ["peer[0].host", "the list is empty"]),
        ('[[peer]]\nae_title = "A"\nhost = ["h", 3]', ["peer[0].host", "neither a text nor a list of texts"]),
        ('[[peer]]\nae_title = "A"\nhost = {x = 1}', ["peer[0].host", "neither a text nor a list of texts"]),
        ('[[peer]]\nae_title = "A"\nhost = "h"\nmax_associations = 0', ["peer[0].max_associations", "1 to 1024"]),
        ('[[peer]]\nae_title = "A"\nhost = "h"\ncertificate = "ab"', ["peer[0].certificate", "SHA-256", "openssl"]),
        ('[peer]\nae_title = "A"', ["peer", "[[peer]]"]),
        ("dicom = 3", ["dicom", "[dicom]"]),
        (
            '[[destination]]\nname="a"\nae_title="A"\nhost="h"\nport=1\n' * 2,
            ["destination[1].name", '"a" is there twice'],
        ),
        ('[[destination]]\nname="a"\nae_title="A"\nhost="h"\nport=0', ["destination[0].port", "1 to 65535"]),
        ('[[destination]]\nname="a"\nae_title="A"\nhost="h"\nport=1\nresults=["xx"]', ["results[0]", '"sr", "sc"']),
    ],
)
def test_a_wrong_key_or_value_is_named_with_file_and_what_is_allowed(toml, text, expected):
    path = toml(text)
    (line,) = problems_of(path)
    assert line.startswith(f"{path}: ")
    for words in expected:
        assert words in line


def test_all_problems_are_named_at_once(toml):
    lines = problems_of(toml('[dicom]\nport = -1\nhost = "a b"\n[site]\ntimezone = ""\n'))
    assert [line.split(": ")[1] for line in lines] == ["dicom.host", "dicom.port", "site.timezone"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HOUNSFIELD_DICOM__PORT", "many", ["dicom.port", '"many"', "0 to 65535"]),
        ("HOUNSFIELD_DICOM__PROT", "1", ["did you mean HOUNSFIELD_DICOM__PORT"]),
        ("HOUNSFIELD_X__Y", "1", ["no such setting", "dicom"]),
        ("HOUNSFIELD_DESTINATIONS", "[]", ["did you mean HOUNSFIELD_DESTINATION"]),
        ("HOUNSFIELD_DESTINATION__NAME", "x", ["whole array as JSON"]),
        ("HOUNSFIELD_PEER", "[{", ["is not JSON", "[[peer]]"]),
        ("HOUNSFIELD_PEER", '{"ae_title": "A"}', ["another shape", "array"]),
        ("HOUNSFIELD_PEER", '[{"ae_title": "A", "host": "h", "x": 1}]', ["peer[0].x", "no such key"]),
    ],
)
def test_a_wrong_environment_variable_is_named(monkeypatch, name, value, expected):
    monkeypatch.setenv(name, value)
    (line,) = problems_of(None)
    assert line.startswith(f"environment variable {name}: ")
    for words in expected:
        assert words in line


def test_variables_that_are_not_settings_are_left_alone(monkeypatch):
    for name in ("HOUNSFIELD_REAL_CT", "HOUNSFIELD_REQUIRE_ALL", "HOUNSFIELD_CONFIG", "HOUNSFIELD_SIGN_OF_LIFE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HOUNSFIELD_SERVICE_HOST", "10.0.0.1")  # Kubernetes adds these for a Service of our name
    monkeypatch.setenv("HOUNSFIELD_PORT_11112_TCP_ADDR", "10.0.0.1")
    monkeypatch.setenv("HOUNSFIELD_PORT", "tcp://10.0.0.1:11112")
    assert load_settings().dicom.port == 11112


def test_a_password_is_never_shown(toml):
    path = toml('[storage]\ndatabase_url = "mysql://user:s3cret@host/x"')
    lines = problems_of(path)
    assert "s3cret" not in "".join(lines)
    assert "storage.database_url" in lines[0]
    path.write_text('[storage]\ndatabase_url = "postgresql://user:s3cret@host/x"')
    settings = load_settings(path)
    assert "s3cret" not in repr(settings)
    shown = {row.key: row.value for row in describe(settings)}
    assert shown["storage.database_url"] == '"postgresql://user:***@host/x"'
    assert settings.storage.resolved_database_url == "postgresql://user:s3cret@host/x"


def test_another_address_than_loopback_needs_peers_or_consent(toml):
    path = toml('[dicom]\nhost = "0.0.0.0"')
    (line,) = problems_of(path)
    assert "dicom.host" in line
    assert "[[peer]]" in line
    assert "dicom.learning" in line
    assert "allow_any_peer" in line
    path.write_text('[dicom]\nhost = "0.0.0.0"\nallow_any_peer = true')
    assert load_settings(path).dicom.allow_any_peer
    path.write_text('[dicom]\nhost = "0.0.0.0"\n[[peer]]\nae_title = "A"\nhost = "ct.example"')
    assert load_settings(path).peer[0].host == ("ct.example",)
    path.write_text('[dicom]\nhost = "0.0.0.0"\nlearning = true')
    assert load_settings(path).dicom.learning


@pytest.mark.parametrize(("content", "words"), [(b"[dicom\n", "is not TOML"), (b'a = "\xff"', "not UTF-8")])
def test_a_file_that_is_not_toml_is_named(tmp_path, content, words):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    (line,) = problems_of(path)
    assert str(path) in line
    assert words in line


def test_a_file_that_is_not_there_is_named(tmp_path):
    (line,) = problems_of(tmp_path / "none.toml")
    assert "cannot be read" in line
    assert "hounsfield config init" in line


def test_describe_names_the_source_of_every_value(toml, monkeypatch):
    monkeypatch.setenv("HOUNSFIELD_ASSEMBLY__QUIET_SECONDS", "3")
    monkeypatch.setenv("HOUNSFIELD_PEER", '[{"ae_title": "CT", "host": "10.1.2.3"}]')
    path = toml('[dicom]\nport = 104\n[[destination]]\nname="a"\nae_title="A"\nhost="h"\nport=1')
    rows = {row.key: (row.value, row.source) for row in describe(load_settings(path))}
    assert rows["dicom.port"] == ("104", "file")
    assert rows["dicom.ae_title"] == ('"HOUNSFIELD"', "default")
    assert rows["assembly.quiet_seconds"] == ("3.0", "environment")
    assert rows["peer[0].host"] == ('["10.1.2.3"]', "environment")
    assert rows["peer[0].max_associations"][0] == "(dicom.max_associations_per_peer)"
    assert rows["destination[0].port"] == ("1", "file")
    assert rows["destination[0].results"] == ('["sr", "sc"]', "default")
    assert rows["storage.database_url"] == ("(hounsfield.db in storage.home)", "default")


def test_every_setting_has_a_description():
    for name, field in Settings.model_fields.items():
        model = field.annotation
        for key, declared in getattr(model, "model_fields", {}).items():
            assert declared.description, f"{name}.{key}"
            assert declared.description.endswith("."), f"{name}.{key}"


@given(st.text(max_size=20))
def test_an_ae_title_is_either_refused_or_valid(text):
    try:
        title = check_ae_title(text)
    except ValueError:
        return
    assert 1 <= len(title) <= 16
    assert title.isascii()
    assert title.isprintable()
    assert "\\" not in title


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "ct-1.example.org", "orthanc", "my_service"])
def test_addresses_and_names_are_hosts(host):
    assert check_host(host) == host


@pytest.mark.parametrize("host", ["", "a b", "1.2.3.400", "http://x", "a/b", "-x", "x" * 300])
def test_other_texts_are_not_hosts(host):
    with pytest.raises(ValueError, match="neither"):
        check_host(host)


def test_a_network_is_normalised():
    assert check_peer_host("10.1.2.3/16") == "10.1.0.0/16"


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("pacs", False)]
)
def test_loopback_is_recognised(host, loopback):
    assert is_loopback(host) is loopback


def test_settings_import_none_of_the_heavy_libraries():
    code = (
        "import sys, hounsfield.daemon.config.settings;"
        "print([m for m in ('pydicom', 'pynetdicom', 'numpy', 'sqlalchemy', 'tensorflow', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_error_says_what_to_do():
    def all_of(kind: type[DaemonError]) -> list[type[DaemonError]]:
        return [kind, *(deeper for sub in kind.__subclasses__() for deeper in all_of(sub))]

    for kind in (k for k in all_of(DaemonError) if k.__module__ == DaemonError.__module__):
        assert kind.remedy
    assert str(DaemonError("the disk is full", "make room")) == "the disk is full (make room)"
