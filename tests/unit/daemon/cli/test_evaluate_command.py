"""`hounsfield evaluate` on scores that were kept: no model is run."""

import json

import pytest
from support.scored import scored_set
from typer.testing import CliRunner

from hounsfield.daemon.cli.main import app
from hounsfield.model.evaluate.scores_file import ScoresFile, write_scores
from hounsfield.model.evaluate.thresholds import choose_thresholds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scores")
    for name, signal in (("good", 3.0), ("weak", 0.5)):
        scored = scored_set(series=20, slices=2, signal=signal, labels=("any",))
        write_scores(
            folder / f"{name}.npz",
            ScoresFile(scored=scored, thresholds=choose_thresholds(scored), bundle=f"{name} 1.0.0", source="noise"),
        )
    return folder


def run(*arguments):
    return CliRunner(env={"NO_COLOR": "1"}).invoke(app, ["evaluate", *map(str, arguments)])


def test_scores_in_a_file_need_neither_model_nor_data(folder):
    result = run("--bundle", folder / "good.npz", "--out", folder / "report", "--rounds", 100)
    assert result.exit_code == 0, result.output
    assert "AUROC" in result.stdout
    assert (folder / "report" / "report.html").exists()


def test_json_is_one_line_with_the_comparison(folder):
    result = run("--bundle", folder / "good.npz", "--against", folder / "weak.npz", "--out", folder / "r", "--json")
    (line,) = result.stdout.splitlines()
    comparison = json.loads(line)["comparison"]
    assert (comparison["first"], comparison["second"]) == ("weak 1.0.0", "good 1.0.0")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--write-card",), "--write-card needs a bundle"),
        (("--label", "any"), "--label any: must be DATA=BUNDLE"),
        (("--choose-threshold", "x"), "scores in a file have their thresholds"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(folder, options, words):
    result = run("--bundle", folder / "good.npz", "--out", folder / "none", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (folder / "none").exists()


def test_a_bundle_without_data_an_unknown_one_and_a_file_that_is_none_are_told_apart(folder):
    (folder / "text.npz").write_text("no scores")
    for which, code, words in (
        ("ich-demo", 2, "--data names the prepared data set"),
        ("unknown", 4, "there is no bundle 'unknown'"),
        (folder / "text.npz", 1, "is not a file of scores"),
    ):
        result = run("--bundle", which, "--out", folder / "none")
        assert (result.exit_code, words in result.stderr) == (code, True), result.output
