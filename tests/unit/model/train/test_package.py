from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from hounsfield.model.bundle import open_bundle
from hounsfield.model.evaluate.metrics import Estimate
from hounsfield.model.evaluate.summary import OperatingPoint, Summary
from hounsfield.model.lint import lint
from hounsfield.model.networks import NetworkSpec, build_network, export_scores
from hounsfield.model.phantom import Subtype
from hounsfield.model.predictor import Predictor
from hounsfield.model.selftest import selftest
from hounsfield.model.train.card import model_card
from hounsfield.model.train.demo import Outcome, main
from hounsfield.model.train.fit import settle
from hounsfield.model.train.package import BANNER, Trained, keras_bytes, write_demonstration
from hounsfield.model.train.recipe import Recipe

E = Estimate(0.9123, 0.8901, 0.9345)
SUMMARY = Summary(
    slices=1000,
    positive_slices=300,
    series=50,
    positive_series=25,
    slice_auc=E,
    best_rule="a rule",
    best_rule_auc=Estimate(0.71, 0.65, 0.77),
    gain=Estimate(0.2, 0.15, 0.25),
    rule_aucs={"a rule": 0.71, "another": 0.6},
    slice_sensitivity=E,
    slice_specificity=E,
    series_auc=E,
    series_sensitivity=E,
    series_specificity=E,
    kind_sensitivity={Subtype.SUBDURAL.code: 0.75},
)
POINT = OperatingPoint(0.61, 0.52)
CREATED = date(2026, 1, 5)


def trained(seed: int = 1) -> Trained:
    settle(seed)
    model = export_scores(build_network(NetworkSpec(shape=(96, 96, 2))))
    return Trained(model, Recipe(seed=seed), POINT, SUMMARY, SUMMARY, CREATED)


def test_the_bundle_is_clean_and_passes_its_self_test(tmp_path: Path) -> None:
    bundle = write_demonstration(tmp_path / "ich-demo", trained())
    assert lint(bundle.folder) == []
    assert selftest(bundle).passed
    assert not bundle.manifest.clinical
    assert bundle.manifest.banner == BANNER
    (label,) = bundle.manifest.output.labels
    assert (label.threshold, label.slice_threshold) == (0.61, 0.52)
    assert bundle.manifest.provenance.metrics["held_out"]["slice_auc"] == [0.9123, 0.8901, 0.9345]
    assert sum(path.stat().st_size for path in bundle.folder.rglob("*") if path.is_file()) < 2_000_000


def test_the_golden_scores_are_those_of_the_saved_model(tmp_path: Path) -> None:
    given = trained()
    bundle = open_bundle(write_demonstration(tmp_path / "ich-demo", given).folder)
    with np.load(bundle.folder / "golden" / "slices.npz") as golden:
        spacing = tuple(golden["spacing"].reshape(-1, 2)[0].tolist())
        scores = Predictor(bundle, "cpu").score(golden["hu"], [spacing] * len(golden["hu"]))
        assert np.array_equal(scores, golden["expected"])


def test_the_same_weights_give_the_same_file() -> None:
    first, second, other = keras_bytes(trained().model), keras_bytes(trained().model), trained(2)
    assert first == second
    assert keras_bytes(other.model) != first


def test_the_card_says_what_it_is_and_every_figure() -> None:
    card = model_card(Recipe(seed=7), POINT, SUMMARY, SUMMARY, BANNER)
    assert BANNER in card
    assert "0.912 (0.890 to 0.934)" in card
    assert "seed 7" in card
    assert "| subdural | 0.75 | 0.75 |" in card
    assert "| epidural | none drawn | none drawn |" in card
    assert "0.61" in card
    assert "{" not in card


@pytest.mark.parametrize(("slice_auc", "gain", "good"), [(0.86, 0.06, True), (0.84, 0.2, False), (0.95, 0.04, False)])
def test_a_model_that_is_not_good_enough_is_not_shippable(
    tmp_path: Path, slice_auc: float, gain: float, good: bool
) -> None:
    summary = replace(SUMMARY, slice_auc=Estimate(slice_auc, 0, 1), gain=Estimate(gain, 0, 1))
    bundle = write_demonstration(tmp_path, trained()) if good else None
    assert Outcome(bundle, POINT, summary, summary, 1.0).shippable is good  # type: ignore[arg-type]


def test_without_a_folder_only_a_smoke_run_is_possible(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_code:
        main(["--seed", "1"])
    assert exit_code.value.code == 2
    assert "--out" in capsys.readouterr().err
