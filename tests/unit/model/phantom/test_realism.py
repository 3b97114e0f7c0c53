import numpy as np

from hounsfield.model.phantom import Difficulty, Phantom, Scan, draw_rich
from hounsfield.model.phantom.artefacts import add_metal, add_rings, moved
from hounsfield.model.phantom.brain import Brain, draw_brain
from hounsfield.model.phantom.cranium import Build, enclose
from hounsfield.model.phantom.gyri import folded
from hounsfield.model.phantom.head import Grid
from hounsfield.model.phantom.mimics import _calcified_falx, _contrast, _Head, _wide_infarct, draw_mimics

SMALL = Scan(matrix=96, slices=12, step_mm=10.0)
GRID = Grid.of(SMALL, 230.0, 70.0)


def head(seed: int = 1) -> _Head:
    rng = np.random.default_rng(seed)
    space = enclose(rng, GRID, Build.random(rng))
    return _Head(rng, GRID, space, draw_brain(rng, GRID, space, (0.0, 0.0), 0.0))


def changed(brain: Brain, before: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> int:
    return int((brain.hu != before).sum())


def test_folds_of_the_cortex_are_noise_of_variance_one_that_runs_inwards() -> None:
    one = head()
    isotropic = GRID.noise(np.random.default_rng(3), 5, 4, 4)
    fold = folded(np.random.default_rng(4), one.space, isotropic, 4.0)
    assert 0.8 < fold[one.space.brain].std() < 1.2
    assert np.array_equal(fold[~one.space.brain], isotropic[~one.space.brain])


def test_contrast_and_calcification_are_bright_and_an_infarct_is_dark() -> None:
    for draw, brighter in ((_contrast, True), (_calcified_falx, True), (_wide_infarct, False)):
        one = head(2)
        before = one.brain.hu.copy()
        draw(one)
        assert changed(one.brain, before) > 50
        other = one.brain.hu[one.brain.hu != before] - before[one.brain.hu != before]
        assert (other.mean() > 5) if brighter else (other.mean() < -2)


def test_without_mimics_nothing_is_drawn_and_with_all_of_them_something_is() -> None:
    none, every = head(3), head(3)
    before = none.brain.hu.copy()
    draw_mimics(np.random.default_rng(1), GRID, none.space, none.brain, 0.0)
    assert changed(none.brain, before) == 0
    for seed in range(4):
        draw_mimics(np.random.default_rng(seed), GRID, every.space, every.brain, 1.0)
    assert changed(every.brain, before) > 0


def test_a_lesion_moves_with_the_slice_it_lies_in() -> None:
    hu, label = np.zeros((8, 64, 64), np.int16), np.zeros((8, 64, 64), np.uint8)
    hu[:, 20:44, 20:44], label[:, 20:44, 20:44] = 80, 1
    still = Phantom(hu=hu, label=label, brain=hu > -1, spacing_mm=(5.0, 2.0, 2.0))
    shifted = 0
    for seed in range(20):
        after = moved(np.random.default_rng(seed), still)
        assert after.hu[after.label > 0].mean() > 60
        assert (after.hu != hu).any()
        shifted += int((after.label != label).any())
    assert shifted > 3
    assert not still.label[:, :20].any()


def test_metal_is_as_bright_as_the_scale_goes_and_throws_streaks() -> None:
    one = head(5)
    for seed in range(6):
        hu = np.zeros(GRID.shape, np.float32)
        add_metal(np.random.default_rng(seed), GRID, one.space, hu)
        assert hu.max() >= 3000
        assert hu.min() < -20


def test_rings_are_faint_and_the_same_in_every_slice() -> None:
    hu = np.zeros(GRID.shape, np.float32)
    add_rings(np.random.default_rng(2), GRID, hu)
    assert 0 < np.abs(hu).max() < 30
    assert np.array_equal(hu[0], hu[-1])


def test_what_goes_wrong_in_a_scanner_is_drawn_only_if_asked_for() -> None:
    pairs = [
        [draw_rich(np.random.default_rng(s), SMALL, None, Difficulty(artefacts=a)).hu.astype(int) for a in (0, 0, 1)]
        for s in range(3)
    ]
    assert all(np.array_equal(first, again) for first, again, _ in pairs)
    assert all(np.abs(first - odd).mean() > 0.3 for first, _, odd in pairs)
