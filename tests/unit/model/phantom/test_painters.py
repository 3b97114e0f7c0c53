from collections.abc import Callable

import numpy as np
import pytest

from hounsfield.model.phantom import Difficulty, Phantom, PhantomSpec, Scan, Subtype, draw_first, draw_rich, render

Painter = Callable[..., Phantom]
SMALL = Scan(matrix=96, slices=12, step_mm=10.0)
painters = pytest.mark.parametrize("draw", [draw_rich, draw_first])


@painters
def test_one_seed_gives_one_head(draw: Painter) -> None:
    first, second = (draw(np.random.default_rng(5), SMALL, Subtype.SUBDURAL) for _ in range(2))
    assert np.array_equal(first.hu, second.hu)
    assert np.array_equal(first.label, second.label)


@painters
def test_another_seed_gives_another_head(draw: Painter) -> None:
    assert not np.array_equal(
        draw(np.random.default_rng(5), SMALL, None).hu, draw(np.random.default_rng(6), SMALL, None).hu
    )


@painters
def test_a_head_has_the_hu_of_a_head(draw: Painter) -> None:
    phantom = draw(np.random.default_rng(3), SMALL, None)
    assert phantom.hu.dtype == np.int16
    assert phantom.hu.shape == phantom.label.shape == phantom.brain.shape == (12, 96, 96)
    assert phantom.hu.min() >= -1024
    assert phantom.hu.max() <= 3071
    assert abs(np.median(phantom.hu[:, :4, :]) + 1000) < 20
    assert 20 < np.median(phantom.hu[phantom.brain]) < 45
    assert (phantom.hu > 600).mean() > 0.01
    assert not phantom.label.any()


@painters
@pytest.mark.parametrize("kind", list(Subtype))
def test_a_haemorrhage_is_brighter_than_the_brain_and_inside_it(draw: Painter, kind: Subtype) -> None:
    phantoms = [draw(np.random.default_rng(seed), SMALL, kind, Difficulty(second=0)) for seed in range(4)]
    drawn = [phantom for phantom in phantoms if phantom.label.any()]
    assert len(drawn) >= 2
    for phantom in drawn:
        assert set(np.unique(phantom.label)) == {0, kind.code}
        assert not (phantom.label.astype(bool) & ~phantom.brain).any()
    blood = np.concatenate([phantom.hu[phantom.label > 0] for phantom in drawn])
    brain = np.concatenate([phantom.hu[phantom.brain & (phantom.label == 0)] for phantom in drawn])
    assert np.median(blood) > np.median(brain) + 8


def test_less_contrast_makes_blood_darker() -> None:
    faint, plain = (
        draw_rich(np.random.default_rng(8), SMALL, Subtype.EPIDURAL, Difficulty(second=0, contrast=contrast))
        for contrast in (0.3, 1.0)
    )
    assert faint.hu[faint.label > 0].mean() < plain.hu[plain.label > 0].mean() - 8


def test_no_mimics_means_no_calcification() -> None:
    plain = [draw_rich(np.random.default_rng(s), SMALL, None, Difficulty(mimics=0)) for s in range(6)]
    spotted = [draw_rich(np.random.default_rng(s), SMALL, None, Difficulty(mimics=1)) for s in range(6)]
    assert sum(_bright_middle(p) for p in plain) < sum(_bright_middle(p) for p in spotted)


def _bright_middle(phantom: Phantom) -> int:
    middle = phantom.hu[5:9, 35:75, 30:66]
    return int(((middle > 90) & phantom.brain[5:9, 35:75, 30:66]).sum())


@pytest.mark.parametrize("kind", list(Subtype))
def test_a_rendered_lesion_can_be_seen(kind: Subtype) -> None:
    phantom = render(PhantomSpec(seed=11, lesion=kind, matrix=96, slices=12, step_mm=10.0))
    assert phantom.lesion_mm2.max() > 100


def test_a_short_stack_shows_brain() -> None:
    phantom = render(PhantomSpec(seed=2, slices=8, matrix=96))
    assert (phantom.brain.mean(axis=(1, 2)) > 0.15).all()


def test_a_tilted_scan_shows_other_planes() -> None:
    level, tilted = (
        render(PhantomSpec(seed=4, matrix=96, slices=10, tilt_degrees=tilt, pixel_mm=2.4)) for tilt in (0.0, 20.0)
    )
    assert np.abs(level.hu.astype(int) - tilted.hu).mean() > 20
