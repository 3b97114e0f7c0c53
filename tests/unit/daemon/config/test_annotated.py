import re
import tomllib
from pathlib import Path

import pytest

from hounsfield.daemon.config.annotated import annotated_toml, toml_value
from hounsfield.daemon.config.rules import Rule
from hounsfield.daemon.config.settings import Settings, load_settings

COMMITTED = Path(__file__).parents[4] / "deploy" / "config" / "hounsfield.toml"


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch):
    import os

    for name in list(os.environ):
        if name.upper().startswith("HOUNSFIELD_"):
            monkeypatch.delenv(name)


def uncommented() -> str:
    return re.sub(r"(?m)^#(?=[^ #\n])", "", annotated_toml())


def test_the_committed_file_is_what_the_models_say():
    assert COMMITTED.read_text(encoding="utf-8") == annotated_toml(), (
        "run: hounsfield config init --force deploy/config/hounsfield.toml"
    )


def test_the_file_as_it_stands_changes_nothing(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(annotated_toml(), encoding="utf-8")
    assert load_settings(path).model_dump() == load_settings().model_dump()


def test_every_key_uncommented_loads(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(uncommented(), encoding="utf-8")
    settings = load_settings(path)
    assert settings.destination[0].name == "pacs"
    assert settings.peer[0].ae_title == "CT_SCANNER_1"
    assert settings.peer[0].host == ("10.1.2.3",)
    assert settings.dicom == load_settings().dicom


def test_every_key_is_there():
    written = tomllib.loads(uncommented())
    for name, field in Settings.model_fields.items():
        table = written[name][0] if isinstance(written[name], list) else written[name]
        model = field.annotation if hasattr(field.annotation, "model_fields") else field.annotation.__args__[0]
        assert list(table) == list(model.model_fields)


def test_the_examples_of_rules_can_be_used_as_they_stand(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(Rule.EXAMPLES[Rule.EXAMPLES.index("[[rule]]") :])
    assert [rule.name for rule in load_settings(path).rule] == ["never-reformats", "phantoms", "head-stat"]
    assert all(f"# {line}" in annotated_toml() for line in Rule.EXAMPLES.splitlines() if line)


def test_values_are_written_so_that_toml_reads_them_back():
    values = {"a": 'x "y"', "b": ["'", "\"'", "\n\\"], "c": {"from": 1.5, "not": {"present": True}}, "d": 3, "e": {}}
    assert tomllib.loads(f"v = {toml_value(values)}")["v"] == values


def test_no_line_is_longer_than_a_screen():
    assert max(len(line) for line in annotated_toml().splitlines()) <= 120
