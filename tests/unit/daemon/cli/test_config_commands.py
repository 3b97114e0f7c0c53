"""`hounsfield config`: write, check, show."""

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hounsfield.daemon.cli.config_warnings import warnings_of
from hounsfield.daemon.cli.main import app
from hounsfield.daemon.config.reception import DicomSettings
from hounsfield.daemon.config.settings import Settings, load_settings

runner = CliRunner(env={"NO_COLOR": "1", "HOUNSFIELD_CONFIG": None})


class FakeManifest:
    """What the rule about destinations looks at."""

    def __init__(self, clinical: bool) -> None:
        self.name = "ich-demo"
        self.clinical = clinical


def settings_with(destination: dict[str, object]) -> Settings:
    entry = {"name": "pacs", "ae_title": "PACS", "host": "10.0.0.5", "port": 104} | destination
    return Settings(destination=(entry,))  # type: ignore[arg-type]


def test_a_rule_that_nothing_can_come_to_is_a_warning() -> None:
    rules = [{"name": "all", "skip": True}, {"name": "head", "bundle": "ich-demo", "when": "axial"}]
    warnings = warnings_of(Settings(rule=rules), [])  # type: ignore[arg-type]
    assert "rule 'head' can never be met: rule 'all' before it takes every series" in warnings
    assert not any("never be met" in warning for warning in warnings_of(Settings(rule=rules[::-1]), []))  # type: ignore[arg-type]


def test_init_writes_a_file_that_can_be_used_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "hounsfield.toml"
    assert runner.invoke(app, ["config", "init", str(file)]).exit_code == 0
    assert tomllib.loads(file.read_text())
    assert load_settings(file).model_dump() == load_settings(None).model_dump()


def test_init_does_not_overwrite_a_file_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("# mine")
    result = runner.invoke(app, ["config", "init", str(file)])
    assert result.exit_code == 1
    assert file.read_text() == "# mine"
    assert runner.invoke(app, ["config", "init", str(file), "--force"]).exit_code == 0
    assert file.read_text() != "# mine"


def test_show_tells_each_value_and_where_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[dicom]\nport = 104\n")
    result = runner.invoke(
        app, ["config", "show", "--json", "-c", str(file)], env={"HOUNSFIELD_DICOM__AE_TITLE": "CT_AI"}
    )
    rows = {row["key"]: (row["value"], row["source"]) for row in map(json.loads, result.stdout.splitlines())}
    assert rows["dicom.port"] == ("104", "file")
    assert rows["dicom.ae_title"] == ('"CT_AI"', "environment")
    assert rows["assembly.quiet_seconds"][1] == "default"


def test_the_variable_names_the_file_when_the_option_does_not(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[dicom]\nport = 104\n")
    result = runner.invoke(app, ["config", "show", "--json"], env={"HOUNSFIELD_CONFIG": str(file)})
    assert '{"key": "dicom.port", "value": "104", "source": "file"}' in result.stdout


def test_a_wrong_key_ends_with_the_configuration_code_and_names_it(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[dicom]\nprot = 104\n")
    result = runner.invoke(app, ["config", "check", "-c", str(file)])
    assert result.exit_code == 3
    assert str(file) in result.stderr
    assert "dicom.prot" in result.stderr


def test_a_bundle_that_cannot_be_used_ends_with_the_configuration_code(tmp_path: Path) -> None:
    result = runner.invoke(app, ["config", "check"], env={"HOUNSFIELD_BUNDLE": f'[{{"path": "{tmp_path}"}}]'})
    assert result.exit_code == 3
    assert "manifest.toml" in result.stderr


def test_a_demonstration_bundle_and_a_distant_destination_are_explained() -> None:
    (warning,) = warnings_of(settings_with({}), [FakeManifest(clinical=False)])  # type: ignore[list-item]
    assert "'pacs' (10.0.0.5) gets nothing from bundle 'ich-demo'" in warning
    assert "allow_demonstration = true" in warning


@pytest.mark.parametrize("destination", [{"host": "127.0.0.1"}, {"allow_demonstration": True}])
def test_a_destination_that_may_receive_it_needs_no_explanation(destination: dict[str, object]) -> None:
    manifest = FakeManifest(clinical=False)
    assert warnings_of(settings_with(destination), [manifest]) == []  # type: ignore[list-item]


def test_a_destination_that_would_hide_unanalysed_series_is_explained() -> None:
    settings = settings_with({"host": "127.0.0.1", "send_not_analysed": False})
    (warning,) = warnings_of(settings, [FakeManifest(clinical=True)])  # type: ignore[list-item]
    assert "send_not_analysed = false" in warning


def test_without_a_destination_the_check_says_where_results_stay() -> None:
    (warning,) = warnings_of(Settings(), [FakeManifest(clinical=True)])  # type: ignore[list-item]
    assert "sent nowhere" in warning


def test_learning_mode_is_explained_wherever_the_configuration_is_checked() -> None:
    settings = settings_with({"host": "127.0.0.1"}).model_copy(update={"dicom": DicomSettings(learning=True)})
    (warning,) = warnings_of(settings, [FakeManifest(clinical=True)])  # type: ignore[list-item]
    assert "dicom.learning = true" in warning
    assert "hounsfield peers suggest" in warning


def test_destinations_with_other_objects_are_a_warning_because_they_may_replicate() -> None:
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104}
    viewer = {**pacs, "name": "viewer", "language": "de"}
    (warning,) = warnings_of(Settings(destination=(pacs, viewer)), [])  # type: ignore[arg-type]
    assert "'pacs', 'viewer' get objects that differ" in warning
    folder = {"name": "folder", "kind": "folder", "folder": "/tmp/results", "language": "de"}
    same = {**pacs, "name": "other", "send_negative": False}
    assert warnings_of(Settings(destination=(pacs, same, folder)), []) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(("peer", "warned"), [("PACS", False), ("CT1", True), (None, False)])
def test_an_archive_that_may_not_report_its_commitment_is_warned_of(peer: str | None, warned: bool) -> None:
    pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104, "proof": "commitment"}
    peers = [] if peer is None else [{"ae_title": peer, "host": "10.0.0.5"}]
    warnings = warnings_of(Settings(destination=(pacs,), peer=peers), [])  # type: ignore[arg-type]
    assert [("no [[peer]] is called PACS" in warning) for warning in warnings] == ([True] if warned else [])


@pytest.mark.parametrize(("accept", "warned"), [("ct", True), ("ct+companions", False), ("all-storage", False)])
def test_feedback_that_could_never_come_is_warned_of(accept: str, warned: bool) -> None:
    settings = Settings(feedback={"agree": ["113000,DCM"]}, dicom={"accept": accept})  # type: ignore[arg-type]
    assert any("feedback.agree" in warning for warning in warnings_of(settings, [])) is warned
