"""A brain that was not found is no brain without blood."""

import numpy as np
import pytest

from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.model.phantom import PhantomSpec, render
from hounsfield.model.predictor import Predictor
from hounsfield.model.preprocess.steps import Resize
from hounsfield.model.preprocess.strip import Strip
from hounsfield.model.unseen import unseen_problem

STEPS = (Strip(), Resize(pixels=96))


def series(drawn: str) -> list[bool]:
    """A dot is a slice with brain, a hash one that is blank."""
    return [one == "#" for one in drawn]


@pytest.mark.parametrize("drawn", ["........", "#......#", "####.......................#", "#....", "."])
def test_blank_slices_at_the_ends_of_a_head_are_as_it_is(drawn: str) -> None:
    assert unseen_problem(STEPS, series(drawn)) is None


@pytest.mark.parametrize(
    "drawn", ["##.#" + 36 * ".", "#.###" + 32 * "." + "###", 34 * "." + "#..##." + "#", "#.#.#" + 35 * "."]
)
def test_brain_in_the_openings_of_the_skull_base_is_not_the_head_yet(drawn: str) -> None:
    assert unseen_problem(STEPS, series(drawn)) is None


@pytest.mark.parametrize(
    "drawn", ["..##" + 36 * ".", ".#" + 38 * ".", "#...#" + 35 * ".", "#" + 5 * ".##" + 24 * ".", "##########.#.#......"]
)
def test_a_head_that_begins_before_a_blank_slice_was_not_seen_there(drawn: str) -> None:
    assert unseen_problem(STEPS, series(drawn)) is not None


@pytest.mark.parametrize(
    ("drawn", "count"),
    [
        ("...##..............#", "2 slices"),
        ("..##########.......#", "10 slices"),
        ("##########.........#", "5 slices"),
        ("####", "2 slices"),
        ("#", "1 slice "),
        (".#.", "1 slice "),
    ],
)
def test_a_blank_slice_amid_the_head_speaks_against_the_scores(drawn: str, count: str) -> None:
    problem = unseen_problem(STEPS, series(drawn))
    assert problem is not None
    assert f"in {count}" in problem


def test_a_model_that_looks_for_no_brain_may_see_nothing() -> None:
    assert unseen_problem((Resize(pixels=96),), series("####")) is None


@pytest.mark.heavy
def test_the_demonstration_knows_that_it_saw_nothing_of_a_head_cut_open() -> None:
    drawn = render(PhantomSpec(seed=3, lesion="intraparenchymal", slices=20, matrix=256))
    spacing = [(float(drawn.spacing_mm[1]), float(drawn.spacing_mm[2]))] * 20
    steps = [float(drawn.spacing_mm[0])] * 19
    (top, left), (bottom, right) = (f(np.argwhere((drawn.hu > -300).any(axis=0)), axis=0) for f in (np.min, np.max))
    cut = np.ascontiguousarray(drawn.hu[:, top + 25 : bottom + 1, left : right + 1])
    bundle = open_bundle(bundled())
    predictor = Predictor(bundle, "cpu")
    whole, open_skull = (predictor.analyse(hu, spacing, steps) for hu in (drawn.hu, cut))
    found = [unseen_problem(bundle.manifest.preprocessing.steps, one.blank) for one in (whole, open_skull)]
    assert whole.series[0] > 0.9
    assert open_skull.series[0] < bundle.manifest.output.labels[0].threshold  # what nobody must be told
    assert found[0] is None
    assert found[1] is not None
