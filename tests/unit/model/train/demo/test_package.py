from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hounsfield.model.bundle import Bundle
from hounsfield.model.data.phantoms import LABELS
from hounsfield.model.errors import TrainingError
from hounsfield.model.evaluate.metrics import Estimate
from hounsfield.model.lint import lint
from hounsfield.model.networks import build_network, export_encoder
from hounsfield.model.networks.sequence import build_sequence
from hounsfield.model.phantom import Subtype, render
from hounsfield.model.predictor import Predictor
from hounsfield.model.selftest import selftest
from hounsfield.model.train.demo.__main__ import main
from hounsfield.model.train.demo.build import Outcome
from hounsfield.model.train.demo.card import model_card
from hounsfield.model.train.demo.figures import Figures, combined
from hounsfield.model.train.demo.fit import settle
from hounsfield.model.train.demo.package import BANNER, GOLDEN, Trained, with_figures, write_demonstration
from hounsfield.model.train.demo.recipe import Recipe
from hounsfield.model.train.demo.summary import Point, Summary
from hounsfield.model.train.keras_file import keras_bytes

pytestmark = pytest.mark.heavy

E = Estimate(0.9123, 0.8901, 0.9345)
SUMMARY = Summary(
    slices=1000,
    positive_slices=300,
    series=50,
    positive_series=25,
    slice_aucs=dict.fromkeys(LABELS, E),
    series_aucs=dict.fromkeys(LABELS, E) | {"epidural": Estimate(float("nan"), 0, 1)},
    best_rule="a rule",
    best_rule_auc=Estimate(0.71, 0.65, 0.77),
    gain=Estimate(0.2, 0.15, 0.25),
    slice_sensitivity=E,
    slice_specificity=E,
    series_sensitivity=E,
    series_specificity=E,
    slice_ece=0.031,
    series_ece=0.042,
)
POINTS = tuple(Point(0.61 + k / 100, 0.52) for k in range(len(LABELS)))
CREATED = date(2026, 1, 5)


def figures(seed: int = 1, auc: float = 0.9123) -> Figures:
    numbers = SUMMARY.numbers() | {"slice_auc": [auc, auc - 0.02, auc + 0.02]}
    return Figures(sets={"held_out": numbers, "hard": numbers}, seeds=(seed,), ships=seed, seconds={"all": 3.0})


def encoder(seed: int, **changes: float) -> Any:
    settle(seed)
    return export_encoder(build_network(Recipe().network.model_copy(update=changes)))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    network = encoder(1)
    sequence = build_sequence(network.output_shape[-1], len(LABELS), units=4)
    made = Trained(network, sequence, Recipe(), POINTS, figures(1), CREATED)
    return write_demonstration(tmp_path_factory.mktemp("bundle") / "ich-demo", made)


def test_the_bundle_is_clean_passes_its_self_test_and_takes_other_figures(tmp_path: Path, bundle: Bundle) -> None:
    assert lint(bundle.folder) == []
    assert selftest(bundle).passed
    manifest = bundle.manifest
    assert not manifest.clinical
    assert manifest.banner == BANNER
    first, *kinds = manifest.output.labels
    assert (first.name, first.threshold, first.slice_threshold, first.decides) == ("haemorrhage", 0.61, 0.52, True)
    assert [kind.name for kind in kinds] == list(Subtype)
    assert not any(kind.decides for kind in kinds)
    assert manifest.provenance.metrics["held_out"]["slice_auc"][0] == 0.9123
    assert sum(path.stat().st_size for path in bundle.folder.rglob("*") if path.is_file()) < 3_000_000

    other = with_figures(tmp_path / "again", bundle, Recipe(), combined([figures(1, 0.9), figures(2, 0.94)], 1))
    assert lint(other.folder) == []
    assert other.manifest.provenance.metrics["seeds"] == [1, 2]
    assert other.manifest.provenance.metrics["held_out"]["slice_auc"][0] == 0.92
    assert other.manifest.files["model.keras"] == manifest.files["model.keras"]
    assert "seeds 1, 2" in (other.folder / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_the_golden_scores_are_those_of_the_saved_networks(bundle: Bundle) -> None:
    head = render(GOLDEN)
    with np.load(bundle.folder / "golden" / "slices.npz") as golden:
        assert np.array_equal(golden["hu"], head.hu)
        answer = Predictor(bundle, "cpu").analyse(
            head.hu, [head.spacing_mm[1:]] * GOLDEN.slices, [GOLDEN.step_mm] * (GOLDEN.slices - 1)
        )
        assert np.allclose(answer.slices, golden["expected"], atol=1e-6)
        assert np.allclose(answer.series, golden["expected_series"], atol=1e-6)


def test_the_same_weights_give_the_same_file() -> None:
    first, second, other = (keras_bytes(encoder(seed, width=0.25)) for seed in (1, 1, 2))
    assert first == second
    assert other != first


def test_the_card_says_what_it_is_and_every_figure() -> None:
    card = model_card(Recipe(seed=7), POINTS, figures(7), BANNER)
    assert BANNER in card
    assert "0.912 (0.892 to 0.932)" in card
    assert "seed 7" in card
    assert "| slice, subdural | 0.912 (0.890 to 0.934) |" in card
    assert "| series, epidural | none drawn | none drawn |" in card
    assert "| slice calibration error (ECE) | 0.031 | 0.031 |" in card
    assert "0.61" in card
    assert "{" not in card


def test_means_over_seeds_have_intervals_and_say_which_seed_ships(tmp_path: Path) -> None:
    for seed, auc in ((1, 0.90), (2, 0.92), (3, 0.94)):
        figures(seed, auc).write(tmp_path / f"{seed}.json")
    several = [Figures.read(tmp_path / f"{seed}.json") for seed in (1, 2, 3)]
    assert several[0] == figures(1, 0.90)
    mean = combined(several, 2)
    assert (mean.seeds, mean.ships) == ((1, 2, 3), 2)
    held_out = mean.sets["held_out"]
    # Student's t for two degrees of freedom: 4.303 * 0.02 / sqrt(3) = 0.0497
    assert held_out["slice_auc"] == [0.92, 0.8703, 0.9697]
    assert held_out["slices"] == 3000
    assert held_out["slice_ece"] == [0.031, 0.031, 0.031]
    assert held_out["best_rule"] == "a rule"


def test_the_interval_of_an_error_does_not_go_below_nothing() -> None:
    one, other = figures(1), figures(2)
    one.sets["held_out"]["slice_ece"], other.sets["held_out"]["slice_ece"] = 0.01, 0.05
    mean = combined([one, other], 1).sets["held_out"]
    assert mean["slice_ece"][0] == 0.03
    assert mean["slice_ece"][1] == 0.0


@pytest.mark.parametrize("seeds", [(1,), (1, 1), (2, 3)])
def test_means_need_several_seeds_and_the_one_that_ships(seeds: tuple[int, ...]) -> None:
    with pytest.raises(TrainingError, match="two or more different seeds"):
        combined([figures(seed) for seed in seeds], 1)


def test_figures_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "figures.json").write_text("[]", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"figures\.json: holds no figures"):
        Figures.read(tmp_path / "figures.json")


@pytest.mark.parametrize(("slice_auc", "gain", "good"), [(0.86, 0.06, True), (0.84, 0.2, False), (0.95, 0.04, False)])
def test_a_model_that_is_not_good_enough_is_not_shippable(slice_auc: float, gain: float, good: bool) -> None:
    summary = replace(SUMMARY, slice_aucs={"any": Estimate(slice_auc, 0, 1)}, gain=Estimate(gain, 0, 1))
    assert Outcome(None, summary, summary, figures()).shippable is good  # type: ignore[arg-type]


def test_without_a_folder_only_a_smoke_run_is_possible(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_code:
        main(["--seed", "1"])
    assert exit_code.value.code == 2
    assert "--out" in capsys.readouterr().err
