"""`hounsfield data check` and `data prepare`."""

import json
from pathlib import Path

import pytest
from support import layouts
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app
from hounsfield.model.data.prepared import Prepared


@pytest.fixture
def config(tmp_path: Path) -> Path:
    layouts.series_folders(tmp_path / "set")
    return tmp_path / "set" / "data.toml"


def run(*arguments: object) -> Result:
    return CliRunner(env={"NO_COLOR": "1"}).invoke(app, ["data", *map(str, arguments)])


def test_a_clean_data_set_is_told_and_reported(config: Path, tmp_path: Path) -> None:
    result = run("check", config, "--out", tmp_path / "out", "--processes", 0)
    assert result.exit_code == 0
    assert "24 of 24 images stay, in 4 series" in result.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "clean.csv", "excluded.csv", "report.html", "summary.json",
    ]  # fmt: skip


def test_an_unclean_data_set_ends_with_one_and_a_table(config: Path) -> None:
    (config.parent / "a" / "01.dcm").write_bytes(b"")
    result = run("check", config, "--processes", 0)
    assert result.exit_code == 1
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("unreadable")]
    assert row.split() == ["unreadable", "1", "excluded", "a/01.dcm"]
    assert "error: the data set is not clean" in result.stderr


def test_json_holds_the_counts(config: Path) -> None:
    (line,) = run("check", config, "--json", "--processes", 0).stdout.splitlines()
    told = json.loads(line)
    assert (told["clean"], told["kept"], told["patients"], told["problems"]) == (True, 24, 4, [])
    assert told["balance"][0]["series"] == {"positive": 2, "negative": 2, "unknown": 0}


def test_prepare_writes_what_training_opens(config: Path, tmp_path: Path) -> None:
    result = run(
        "prepare", config, "--out", tmp_path / "out", "--size", 16, "--windows", "40/80,80/200", "--processes", 0
    )
    assert result.exit_code == 0
    assert result.stdout.startswith("24 slices of 4 series, 16 x 16 x 2, written to")
    assert Prepared.open(tmp_path / "out").about.labels == ("bleed",)


def test_prepare_refuses_what_is_not_clean_until_told(config: Path, tmp_path: Path) -> None:
    (config.parent / "a" / "01.dcm").write_bytes(b"")
    refused = run("prepare", config, "--out", tmp_path / "out", "--processes", 0)
    assert refused.exit_code == 1
    assert "1 unreadable" in refused.stderr
    taken = run("prepare", config, "--out", tmp_path / "out", "--allow-unclean", "--json", "--processes", 0)
    assert json.loads(taken.stdout)["clean"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--windows", "brain"), "--windows must be CENTRE/WIDTH"),
        (("--windows", "40/80/3"), "--windows must be CENTRE/WIDTH"),
        (("--size", "16", "--bundle", "x"), "give --preprocessing or --bundle or --size"),
        (("--leave-out", "--allow-unclean"), "exclude one another"),
    ],
)
def test_wrong_usage_is_told(config: Path, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    result = run("prepare", config, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_configuration_without_data_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.toml").write_text("", encoding="utf-8")
    result = run("check", tmp_path / "data.toml")
    assert result.exit_code == 1
    assert "data: this table is required" in result.stderr
