import dataclasses
import json
import re

import numpy as np
import pytest
from support.bundles import golden_hu, keras_archive, layer, manifest_fields
from support.scored import scored_set

from hounsfield.model.bundle import open_bundle, write_bundle
from hounsfield.model.evaluate.card import CardFacts, model_card, write_card
from hounsfield.model.evaluate.cases import Level
from hounsfield.model.evaluate.compare import compare
from hounsfield.model.evaluate.extras import MissingExtra, needs_train
from hounsfield.model.evaluate.figures import Settings, evaluate
from hounsfield.model.evaluate.metrics import Estimate
from hounsfield.model.evaluate.report import HTML, NUMBERS, PLOTS, SCORES, Subject, write_report
from hounsfield.model.evaluate.scores_file import ScoresFile, read_scores
from hounsfield.model.evaluate.tables import Table, comparison_table
from hounsfield.model.evaluate.thresholds import choose_thresholds
from hounsfield.model.evaluate.words import plain, words
from hounsfield.model.evaluate.worst import worst_cases
from hounsfield.model.golden import golden_bytes
from hounsfield.model.manifest import Manifest

FEW = Settings(rounds=100)
HOSTILE = '<script>alert("x")</script>|`'
PNG = b"\x89PNG\r\n\x1a\n"


def subject(**changes):
    scored = scored_set(series=30, slices=4)
    scanner = scored.scanner.astype("<U40")
    scanner[:15] = HOSTILE
    scored = dataclasses.replace(scored, scanner=scanner)
    scores = ScoresFile(
        scored=scored, thresholds=choose_thresholds(scored), bundle="tiny 0.1.0", source=f"heads {HOSTILE}"
    )
    tensors = np.random.default_rng(0).random((len(scored.names), 16, 16, 1))
    made = {"scores": scores, "evaluation": evaluate(scored, scores.thresholds, FEW), "tensors": tensors}
    return Subject(banner=f"banner {HOSTILE}", **{**made, **changes})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "new"
    one = subject()
    squared = dataclasses.replace(one.scores.scored, scores=one.scores.scored.scores**2)
    worse = dataclasses.replace(one.scores, bundle="other 2.0.0", scored=squared)
    compared = dataclasses.replace(one, comparison=compare(worse, one.scores, FEW))
    write_report(folder, compared)
    return folder, compared


def test_the_page_needs_nothing_from_outside(written):
    page = (written[0] / HTML).read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len([one for one in sources if one.startswith("data:image/png;base64,")]) >= 11
    assert all(one.startswith(("data:", "#")) for one in sources)
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert "default-src 'none'" in page


def test_texts_from_data_sets_are_escaped(written):
    page = (written[0] / HTML).read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3


def test_names_of_files_are_nowhere_in_the_page(written):
    folder, one = written
    page = (folder / HTML).read_text(encoding="utf-8") + (folder / NUMBERS).read_text(encoding="utf-8")
    assert not [name for name in one.scores.scored.names if name in page]


def test_no_text_speaks_of_nan(written):
    page = re.sub(r"base64,[^\"]+", "", (written[0] / HTML).read_text(encoding="utf-8"))
    assert not re.search(r"\b[Nn]a[Nn]\b|\bNone\b", page)


def test_the_page_is_for_light_and_dark_and_paper(written):
    page = (written[0] / HTML).read_text(encoding="utf-8")
    for wanted in ("prefers-color-scheme: dark", "@media print", 'lang="en"', "alt="):
        assert wanted in page


def test_pictures_numbers_and_scores_lie_beside_it(written):
    folder, one = written
    names = {path.name for path in (folder / PLOTS).iterdir()}
    kinds = ("roc", "precision-recall", "calibration", "confusion", "scores")
    assert names == {f"{level}-{kind}.png" for level in Level for kind in kinds} | {
        "worst-missed.png",
        "worst-raised.png",
    }
    assert all(path.read_bytes().startswith(PNG) for path in (folder / PLOTS).iterdir())
    numbers = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
    assert numbers["evaluation"]["labels"][0]["auroc"]["value"] == one.evaluation.labels[0].auroc.value
    assert numbers["comparison"]["second"] == "tiny 0.1.0"
    assert read_scores(folder / SCORES).thresholds == one.scores.thresholds


def test_a_set_with_series_labels_of_one_class_is_reported_too(tmp_path):
    one = subject()
    scored = one.scores.scored
    scored.truth[:] = np.nan
    scored.series_truth[:] = 0
    write_report(tmp_path, dataclasses.replace(one, evaluation=evaluate(scored, choose_thresholds(scored), FEW)))
    page = (tmp_path / HTML).read_text(encoding="utf-8")
    assert "not defined" in page
    assert {path.name for path in (tmp_path / PLOTS).iterdir()} == {"series-calibration.png", "series-scores.png"}


def test_the_worst_slices_are_the_worst_one_of_each_series():
    scored = scored_set(series=30, slices=6, signal=1.0)
    worst = worst_cases(scored, 0.5, count=5)
    scores, truth = scored.scores[:, 0], scored.truth[:, 0]
    assert worst.missed[0].score == scores[truth == 1].min()
    assert worst.raised[0].score == scores[truth == 0].max()
    for some in (worst.missed, worst.raised):
        assert len({int(scored.series[one.row]) for one in some}) == len(some) == 5
    assert [one.score for one in worst.raised] == sorted((one.score for one in worst.raised), reverse=True)
    assert all(one.score < 0.5 for one in worst.missed)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not defined"),
        (Estimate(0.9, 0.8, 0.95), "0.900 (0.800 to 0.950)"),
        (Estimate(0.9, float("nan"), float("nan")), "0.900 (no interval)"),
        (3, "3"),
        (0.5, "0.500"),
    ],
)
def test_figures_as_words(value, text):
    assert words(value) == text


def test_json_holds_null_for_what_is_not_defined():
    assert plain({"a": Estimate(0.5, float("nan"), float("nan")), "b": None, "c": np.float32(0.5)}) == {
        "a": {"value": 0.5, "low": None, "high": None},
        "b": None,
        "c": 0.5,
    }


def test_a_cell_of_a_markdown_table_cannot_end_it():
    text = Table(title="", columns=("a",), rows=((f"x|y\n| z {HOSTILE}",),)).markdown()
    assert len(text.splitlines()) == 3
    assert text.splitlines()[2].replace("\\|", "").count("|") == 2
    assert "<script" not in text


def test_a_comparison_names_both_and_signs_its_differences(written):
    table = comparison_table(written[1].comparison)
    assert table.columns[3:5] == ("other 2.0.0", "tiny 0.1.0")
    assert table.rows[0][5] == "+0.000 (+0.000 to +0.000)"


FACTS = CardFacts(
    title="Small network",
    banner="for tests only",
    intended_use="Tests.",
    limits="Untrained.",
    training_data="Random numbers.",
    made_by="hounsfield train",
    network="classic, 32 x 32",
    details=(("seed", "7"),),
)


def test_a_card_says_what_it_was_told_and_what_was_measured():
    one = subject()
    card = model_card(FACTS, one.evaluation, "random numbers")
    for wanted in ("# Small network", "**for tests only**", "## Limits\nUntrained.", "| seed | 7 |"):
        assert wanted in card
    assert words(one.evaluation.labels[0].auroc) in card
    assert "Measured on random numbers: 120 slices of 30 series of 15 patients." in card


@pytest.fixture
def bundle(tmp_path):
    files = {
        "model.keras": keras_archive(layer("Conv2D")),
        "MODEL_CARD.md": b"# Card\n\nBy hand.\n",
        "LICENSE": b"Apache-2.0\n",
        "golden/slices.npz": golden_bytes(golden_hu(), np.array([0.5, 0.5]), np.full((5, 1), 0.5, np.float32)),
    }
    return write_bundle(tmp_path / "tiny", manifest_fields(), files)


def test_figures_written_into_a_bundle_leave_all_else_as_it_is(bundle):
    one = subject()
    before = {name: (bundle.folder / name).read_bytes() for name in ("model.keras", "golden/slices.npz", "LICENSE")}
    after = write_card(bundle, one.evaluation, "random numbers")
    assert open_bundle(bundle.folder) == after
    assert after.sha256 != bundle.sha256
    assert {name: (bundle.folder / name).read_bytes() for name in before} == before
    metrics = after.manifest.provenance.metrics
    assert metrics["slice_auc"] == 0.5
    assert metrics["evaluation"]["by_series"]["any"]["auroc"] == one.evaluation.labels[0].auroc.rounded()

    def rest(manifest: Manifest):
        return manifest.model_dump(exclude={"files": True, "provenance": {"metrics"}})

    assert rest(after.manifest) == rest(bundle.manifest)
    assert [path.name for path in bundle.folder.parent.iterdir()] == ["tiny"]


def test_figures_written_again_replace_those_before(bundle):
    one = subject()
    once = write_card(bundle, one.evaluation, "first set")
    write_card(once, one.evaluation, "second set")
    card = (bundle.folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# Card\n\nBy hand.\n")
    assert "second set" in card
    assert "first set" not in card


def test_a_missing_library_is_answered_with_the_extra_to_install():
    @needs_train
    def needing():
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn.linear_model")

    with pytest.raises(MissingExtra, match="install the extra `train`"):
        needing()
