"""`hounsfield bundle` and `phantom`."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from support.bundles import golden_hu, keras_archive, layer, manifest_fields
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli import model_probe
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.main import app
from hounsfield.model.bundle import bundled, write_bundle
from hounsfield.model.golden import golden_bytes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    scores = np.full((5, 1), 0.5, np.float32)
    files: dict[str, bytes | Path] = {
        "model.keras": keras_archive(layer("Conv2D")),
        "MODEL_CARD.md": b"# Card\n",
        "LICENSE": b"Apache-2.0\n",
        "golden/slices.npz": golden_bytes(golden_hu(), np.array([0.5, 0.5]), scores),
    }
    write_bundle(tmp_path / "tiny", manifest_fields(), files)
    return tmp_path / "tiny"


def run(folder: Path, *arguments: str) -> Result:
    environment = {"HOUNSFIELD_BUNDLE": json.dumps([{"path": str(folder)}]), "NO_COLOR": "1"}
    return CliRunner(env=environment).invoke(app, list(arguments))


def test_list_tells_name_version_and_that_it_is_a_demonstration(folder: Path) -> None:
    (line,) = run(folder, "bundle", "list", "--json").stdout.splitlines()
    row = json.loads(line)
    assert (row["name"], row["version"], row["clinical"]) == ("tiny", "0.1.0", False)
    assert "no: demonstration" in run(folder, "bundle", "list").stdout


def test_list_with_a_broken_bundle_names_it_and_fails(folder: Path) -> None:
    (folder / "model.keras").write_bytes(b"other")
    result = run(folder, "bundle", "list")
    assert result.exit_code == 1
    assert "model.keras: was changed" in result.stderr


def test_show_by_name_and_by_folder_tells_what_the_manifest_says(folder: Path) -> None:
    for which in ("tiny", str(folder)):
        output = run(folder, "bundle", "show", which).stdout
        assert "untrained, for tests only" in output
        assert "Intracranial hemorrhage (SCT 1386000)" in output
    assert json.loads(run(folder, "bundle", "show", "tiny", "--json").stdout)["manifest"]["schema"] == 1


def test_show_prints_the_figures_of_a_manifest_as_a_table(folder: Path) -> None:
    output = run(folder, "bundle", "show", str(bundled())).stdout
    head = next(line for line in output.splitlines() if line.startswith("figure"))
    assert head.startswith("figure ")
    assert "  held out  " in head
    assert any(line.startswith("series auc ") for line in output.splitlines())
    assert "{" not in output


def test_an_unknown_bundle_is_not_found(folder: Path) -> None:
    assert run(folder, "bundle", "show", "huge").exit_code == 4


def test_lint_is_silent_about_a_good_bundle_and_names_what_is_wrong(folder: Path) -> None:
    good = run(folder, "bundle", "lint")
    assert good.exit_code == 0, good.output
    (folder / "model.keras").write_bytes(b"other")
    bad = run(folder, "bundle", "lint", "--json")
    assert bad.exit_code == 1
    row = json.loads(bad.stdout.splitlines()[0])
    assert (row["severity"], row["file"]) == ("error", "model.keras")


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_selftest_tells_the_difference(folder: Path, monkeypatch: pytest.MonkeyPatch, passed: bool, code: int) -> None:
    answer = {"passed": passed, "largest_difference": 0.25, "tolerance": 0.001, "slices": 5, "device": "CPU"}
    monkeypatch.setattr(model_probe, "ask", lambda *_: answer)
    result = run(folder, "bundle", "selftest")
    assert result.exit_code == code
    assert "largest difference 0.25 (allowed 0.001)" in result.stdout


def test_the_model_process_tells_why_it_has_no_answer(folder: Path) -> None:
    with pytest.raises(CommandFailed, match=r"manifest\.toml"):
        model_probe.ask("selftest", str(folder.parent))


def test_a_model_process_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandFailed, match="did not answer within"):
        model_probe.ask("device", "cpu", timeout=0.01)


def test_phantom_writes_a_series_with_the_slices_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "series"
    arguments = [
        "phantom",
        str(out),
        "--lesion",
        "subdural",
        "--seed",
        "7",
        "--slices",
        "6",
        "--drop",
        "2",
        "--drop",
        "3",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    files = sorted(out.iterdir())
    assert len(files) == 4
    assert {dcmread(file, stop_before_pixels=True).Modality for file in files} == {"CT"}


def test_phantom_does_not_mix_two_series_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "old.dcm").write_bytes(b"")
    assert CliRunner().invoke(app, ["phantom", str(tmp_path)]).exit_code == 1
    assert [file.name for file in tmp_path.iterdir()] == ["old.dcm"]


def test_phantom_refuses_what_it_cannot_paint(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["phantom", str(tmp_path / "x"), "--lesion", "headache"])
    assert result.exit_code == 2
    assert "subdural" in result.stderr


def test_lint_of_a_folder_without_a_manifest_has_no_empty_place_in_its_lines(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["bundle", "lint", str(tmp_path)])
    assert done.exit_code == 1
    assert str(tmp_path) in done.stdout
    assert ": :" not in done.stdout
