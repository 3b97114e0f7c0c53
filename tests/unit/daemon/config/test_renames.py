"""Keys by their old names: they count, with a warning that names the new one, in the file and in the environment."""

import json
import os
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from hounsfield.daemon.cli.config_warnings import warnings_of
from hounsfield.daemon.cli.main import app
from hounsfield.daemon.config import renames, rewriting
from hounsfield.daemon.config.fields import extra_of
from hounsfield.daemon.config.renames import SINCE, keys_unknown_at
from hounsfield.daemon.config.rewriting import rewritten
from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.errors import ConfigurationError

TABLE = {
    "dicom.listen": "dicom.port",
    "destination[].address": "destination[].host",
    "assembly.model_batch": "worker.batch",
}
DESTINATION = {"name": "a", "ae_title": "A", "port": 1}
UNITS = ("bytes", "seconds", "minutes", "hours", "days", "percent")


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("HOUNSFIELD_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def _table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renames, "RENAMED", TABLE)
    monkeypatch.setattr(rewriting, "RENAMED", TABLE)


def written(folder: Path, text: str) -> Path:
    file = folder / "site.toml"
    file.write_text(text)
    return file


def hounsfield(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner(env={"NO_COLOR": "1"}).invoke(app, arguments)
    return done.exit_code, done.stdout, done.stderr


def keys_of(model: type[BaseModel]) -> dict[str, str]:
    """Every key with its unit."""
    found = {}
    for section, field in model.model_fields.items():
        inner = getattr(field.annotation, "__args__", (field.annotation,))[0]
        for key, declared in inner.model_fields.items():
            found[f"{section}.{key}"] = str(extra_of(declared).get("unit") or "")
    return found


def test_every_new_name_is_a_key_and_no_old_one_is() -> None:
    known = keys_of(Settings)
    assert {new.replace("[]", "") for new in renames.RENAMED.values()} <= set(known)
    assert not {old.replace("[]", "") for old in renames.RENAMED} & set(known)
    assert {key for keys in SINCE.values() for key in keys} <= set(known)


def test_a_key_that_has_a_unit_ends_with_it() -> None:
    wrong = [key for key, unit in keys_of(Settings).items() if unit in UNITS and not key.endswith(f"_{unit}")]
    assert wrong == []


def test_the_old_name_of_the_longest_pdu_still_counts(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "[dicom]\nmax_pdu = 16384\n"))
    assert settings.dicom.max_pdu_bytes == 16384
    assert "dicom.max_pdu is called dicom.max_pdu_bytes now" in str(settings.origin.renamed[0])


@pytest.mark.usefixtures("_table")
def test_old_names_count_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(
        tmp_path,
        "[dicom]\nlisten = 104\n[assembly]\nmodel_batch = 3\n"
        '[[destination]]\nname="a"\nae_title="A"\naddress="h"\nport=1\n',
    )
    settings = load_settings(file)
    assert (settings.dicom.port, settings.worker.batch, settings.destination[0].host) == (104, 3, "h")
    assert [one.old for one in settings.origin.renamed] == [
        "dicom.listen",
        "destination[0].address",
        "assembly.model_batch",
    ]
    assert [settings.origin.kind(key) for key in ("dicom.port", "worker.batch", "destination[0].host")] == ["file"] * 3
    monkeypatch.setenv("HOUNSFIELD_DICOM__LISTEN", "105")
    monkeypatch.setenv("HOUNSFIELD_DESTINATION", json.dumps([DESTINATION | {"address": "other"}]))
    settings = load_settings(file)
    assert (settings.dicom.port, settings.destination[0].host) == (105, "other")
    assert settings.origin.kind("dicom.port") == "environment"
    assert "environment variable HOUNSFIELD_DICOM__LISTEN: dicom.listen is called dicom.port now" in "".join(
        str(one) for one in settings.origin.renamed
    )


@pytest.mark.usefixtures("_table")
@pytest.mark.parametrize(
    ("text", "variables", "told"),
    [
        ("[dicom]\nlisten = 1\nport = 2\n", {}, "dicom.listen: is the old name of dicom.port, which is given too"),
        (
            '[[destination]]\nname="a"\naddress="h"\nhost="h"\n',
            {},
            "destination[0].address: is the old name of destination[0].host, which is given too",
        ),
        (
            "",
            {"HOUNSFIELD_DICOM__LISTEN": "1", "HOUNSFIELD_DICOM__PORT": "1"},
            "environment variable HOUNSFIELD_DICOM__LISTEN: dicom.listen: is the old name of dicom.port",
        ),
        (
            "",
            {"HOUNSFIELD_DESTINATION": json.dumps([DESTINATION | {"address": "h", "host": "h"}])},
            "HOUNSFIELD_DESTINATION: destination[0].address: is the old name of destination[0].host",
        ),
    ],
)
def test_who_gives_both_names_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, variables: dict[str, str], told: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(written(tmp_path, text))
    assert told in str(refused.value)


@pytest.mark.usefixtures("_table")
def test_a_wrong_value_is_named_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "[dicom]\nlisten = 70000\n")
    with pytest.raises(ConfigurationError, match=r"dicom\.listen: given 70000; .*; the key is called dicom\.port now"):
        load_settings(file)
    monkeypatch.setenv("HOUNSFIELD_DICOM__PORT", "70001")
    with pytest.raises(ConfigurationError, match=r"variable HOUNSFIELD_DICOM__PORT: dicom\.port: given .70001"):
        load_settings(file)


@pytest.mark.usefixtures("_table")
def test_an_array_that_is_not_json_is_told_of_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUNSFIELD_DESTINATION", "[{")
    with pytest.raises(ConfigurationError, match="is not JSON"):
        load_settings(None)


def test_the_warning_comes_with_every_command_that_tells_of_the_configuration(tmp_path: Path) -> None:
    file = written(tmp_path, "[dicom]\nmax_pdu = 16384\n")
    told = "dicom.max_pdu is called dicom.max_pdu_bytes now"
    for command in ("check", "show"):
        code, _, errors = hounsfield("config", command, "--config", str(file))
        assert (code, told in errors) == (0, True), command
    assert any(told in warning for warning in warnings_of(load_settings(file), []))  # what doctor shows


def test_a_file_is_written_anew_with_comments_and_order(tmp_path: Path) -> None:
    text = "# ours\n\n[dicom]  # the port\n  max_pdu=16384   # small\n#max_pdu = 131072\nport = 104\n\n[tls]\n# end\n"
    file = written(tmp_path, text)
    file.chmod(0o640)
    code, told, _ = hounsfield("config", "migrate", str(file))
    assert (code, "dicom.max_pdu -> dicom.max_pdu_bytes" in told) == (0, True)
    assert file.read_text() == text.replace("max_pdu", "max_pdu_bytes")
    assert (file.stat().st_mode & 0o777, load_settings(file).origin.renamed) == (0o640, ())
    assert (tmp_path / "site.toml.before-migrate").read_text() == text
    assert "nothing to rename" in hounsfield("config", "migrate", str(file))[1]


@pytest.mark.parametrize(
    "text",
    ["dicom.max_pdu = 16384\n", "dicom = { max_pdu = 16384 }\n", '[dicom]\n"max_pdu" = 16384\n'],
)
def test_a_file_that_would_mean_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    code, _, errors = hounsfield("config", "migrate", str(file))
    assert (code, "change it by hand" in errors, file.read_text()) == (1, True, text)
    assert not (tmp_path / "site.toml.before-migrate").exists()


@pytest.mark.usefixtures("_table")
def test_a_key_of_an_array_is_renamed_in_each_of_its_tables(tmp_path: Path) -> None:
    text = '[[destination]]\naddress = "h" # 1\n[other]\naddress = 2\n[[destination]]\naddress="i"\n'
    new, renamed = rewritten(text, "site.toml")
    assert new == text.replace('address = "h"', 'host = "h"').replace('address="i"', 'host="i"')
    assert [one.new for one in renamed] == ["destination[0].host", "destination[1].host"]
    assert rewritten("[assembly]\nmodel_batch = 2\n", "site.toml")[0] is None, "it moved to another table"


def test_a_text_that_looks_like_a_key_is_not_touched() -> None:
    text = '[dicom]\nae_title = """\nmax_pdu = 1"""\n'
    new, renamed = rewritten(text, "site.toml")
    assert (new, renamed) == (text, ())
    assert tomllib.loads(text)


def test_who_goes_back_is_told_of_the_keys_that_the_older_program_refuses(tmp_path: Path) -> None:
    file = written(
        tmp_path, '[dicom]\nmax_pdu_bytes = 16384\n[storage]\ncache = "/var/cache/h"\n[queue]\npatient_share = 3\n'
    )
    assert keys_unknown_at(load_settings(file).origin, "0006") == {
        "storage.cache": "take it out, the older program refuses it",
        "dicom.max_pdu_bytes": "write dicom.max_pdu, its older name",
        "queue.patient_share": "take it out, the older program refuses it",
    }
    assert set(keys_unknown_at(load_settings(file).origin, "0007")) == {"queue.patient_share"}
    assert keys_unknown_at(load_settings(written(tmp_path, "[dicom]\nmax_pdu = 16384\n")).origin, "0006") == {}
