"""The demonstration bundle in the package: good enough, and clear about the heads that the demonstration shows."""

import pytest

from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.model.phantom import PhantomSpec, render
from hounsfield.model.predictor import Predictor
from hounsfield.model.train.demo.recipe import Recipe

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(open_bundle(bundled()), "cpu")


def test_it_is_good_enough_by_its_own_figures() -> None:
    metrics = open_bundle(bundled()).manifest.provenance.metrics
    held_out, hard = metrics["held_out"], metrics["hard"]
    assert held_out["slice_auc"][0] >= 0.92
    assert held_out["series_auc"][0] >= 0.96
    assert hard["slice_auc"][0] >= 0.85
    assert hard["gain"][0] >= 0.2
    assert held_out["slices"] > 1000
    kinds = [held_out[name][0] for name in held_out if name.startswith("slice_auc_")]
    assert all(value >= 0.85 for value in kinds)
    card = (bundled() / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "{:.3f} ({:.3f} to {:.3f})".format(*held_out["slice_auc"]) in card


def test_it_was_made_by_the_recipe_in_the_source() -> None:
    manifest, recipe = open_bundle(bundled()).manifest, Recipe()
    assert manifest.preprocessing == recipe.preprocessing
    assert tuple(manifest.input.shape) == recipe.network.shape
    assert manifest.provenance.seed == recipe.seed


@pytest.mark.parametrize(
    ("spec", "flagged"),
    [
        (PhantomSpec(seed=101, lesion="intraparenchymal"), True),
        (PhantomSpec(seed=102), False),
    ],
    ids=["with haemorrhage", "without"],
)
def test_the_heads_of_the_demonstration_get_a_clear_answer(
    predictor: Predictor, spec: PhantomSpec, flagged: bool
) -> None:
    phantom = render(spec)
    count = len(phantom.hu)
    answer = predictor.analyse(phantom.hu, [phantom.spacing_mm[1:]] * count, [spec.step_mm] * (count - 1))
    threshold = predictor.bundle.manifest.output.labels[0].threshold
    assert (answer.series[0] >= threshold) == flagged
