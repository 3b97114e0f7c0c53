from typing import Any

import numpy as np
import pytest

from hounsfield.model.train.augment import augmented
from hounsfield.model.train.config import Augmentation

STILL = {"flip": 0.0, "rotate_degrees": 0.0, "shift": 0.0, "scale": 0.0, "gain": 0.0, "offset": 0.0, "noise": 0.0}


def pair(channels: int = 2) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    maps = np.zeros((3, 8, 8, 1), np.float32)
    maps[:, 1:3, 1:3] = 1
    images = rng.random((3, 32, 32, channels)).astype(np.float32) * 0.1
    images[:, 4:12, 4:12] += 1
    return images, maps


def run(images: Any, maps: Any, seed: int = 5, **changes: float) -> tuple[Any, Any]:
    return augmented(images, maps, Augmentation(**STILL | changes), np.random.default_rng(seed))


def test_nothing_asked_for_is_nothing_changed() -> None:
    images, maps = pair()
    same, same_maps = run(images, maps)
    assert np.array_equal(same, images)
    assert np.array_equal(same_maps, maps)


def test_a_flip_swaps_left_and_right_and_never_front_and_back() -> None:
    images, maps = pair(6)
    flipped, flipped_maps = run(images, maps, flip=0.999999)
    assert np.allclose(flipped, images[:, :, ::-1], atol=1e-6)
    assert np.allclose(flipped_maps, maps[:, :, ::-1], atol=1e-6)
    assert not np.allclose(flipped, images[:, ::-1], atol=0.1)


@pytest.mark.parametrize("changes", [{"rotate_degrees": 20.0}, {"shift": 0.2}, {"scale": 0.3}, {"flip": 0.9}])
def test_the_lesion_map_moves_with_the_lesion(changes: dict[str, float]) -> None:
    images, maps = pair()
    for seed in range(5):
        moved, moved_maps = run(images, maps, seed, **changes)
        bright = moved[..., 0].reshape(3, 8, 4, 8, 4).mean(axis=(2, 4))
        assert np.corrcoef(bright.ravel(), moved_maps.ravel())[0, 1] > 0.9


def test_grey_values_change_by_no_more_than_asked() -> None:
    images, maps = pair()
    changed, _ = run(images, maps, gain=0.1, offset=0.02)
    assert not np.allclose(changed, images)
    assert np.all(np.abs(changed - images) <= 0.1 * np.abs(images) + 0.021)


def test_the_same_generator_gives_the_same_changes() -> None:
    images, maps = pair()
    default = Augmentation()
    first, second, other = (augmented(images, maps, default, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
