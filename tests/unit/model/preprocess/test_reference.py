"""Every step, and the chain as it is run, against plain float64 arithmetic: within 1e-6 of a range of 4,096 HU."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.model.preprocess import PreprocessingSpec, Preprocessor
from hounsfield.model.preprocess.plane import Plane
from hounsfield.model.preprocess.spec import RegisteredStep
from hounsfield.model.preprocess.steps import FieldOfView, Normalise, Padding, Resize, Window, Windows
from hounsfield.model.preprocess.strip import SMALLEST_DEVIATION_HU, Strip
from hounsfield.model.train.demo.recipe import STRIP

HU_RANGE = 4096.0
CLOSE = 1e-6
EXAMPLES = settings(max_examples=50, deadline=None)

seeds = st.integers(0, 2**31)
sides = st.integers(9, 40)
windows = st.lists(
    st.builds(
        Window,
        centre=st.integers(-1000, 2000).map(float) | st.sampled_from([40.0, 37.5, 0.25]),
        width=st.integers(1, 3000).map(float) | st.sampled_from([80.0, 0.5]),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
paddings = st.builds(
    Padding, below=st.sampled_from([-1024.0, -1000.5, 0.0]), value=st.sampled_from([-1000.0, 0.0, -1000.5, 12.25])
)
resizes = st.builds(Resize, pixels=st.integers(8, 60))


def picture(seed: int, rows: int, columns: int, *, whole: bool = True, edges: bool = True) -> np.ndarray:
    """HU like those of a scanner, and every extreme of the type."""
    dice = np.random.default_rng(seed)
    hu = dice.normal(0, 700, (rows, columns)).clip(-2000, 3500)
    if edges:
        hu.flat[: min(5, hu.size)] = [-32768, 32767, -1024, -1025, 0][: min(5, hu.size)]
    return hu.astype(np.int16) if whole else hu.astype(np.float32)


# --- the plain reference ---------------------------------------------------------------------------------------------


def plain_padding(hu: np.ndarray, step: Padding) -> np.ndarray:
    return np.where(hu >= step.below, hu, step.value)


def plain_windows(hu: np.ndarray, step: Windows) -> np.ndarray:
    whole = np.clip(np.rint(hu), -32768, 32767)
    return np.stack([np.clip((whole - (w.centre - w.width / 2)) / w.width, 0, 1) for w in step.windows], axis=-1)


def _area_weights(source: int, target: int) -> np.ndarray:
    """How much of each source pixel lies in each target pixel, rows adding up to one."""
    scale = source / target
    edges = np.arange(source + 1, dtype=np.float64)
    weights = np.zeros((target, source))
    for t in range(target):
        low, high = t * scale, (t + 1) * scale
        weights[t] = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) / scale
    return weights


def _linear_weights(source: int, target: int) -> np.ndarray:
    """Between the centres of source pixels; the border pixel reaches beyond."""
    weights = np.zeros((target, source))
    for t in range(target):
        at = (t + 0.5) * source / target - 0.5
        low = int(np.floor(at))
        part = at - low
        weights[t, min(max(low, 0), source - 1)] += 1 - part
        weights[t, min(max(low + 1, 0), source - 1)] += part
    return weights


def plain_resize(values: np.ndarray, pixels: int) -> np.ndarray:
    rows, columns = values.shape[:2]
    weigh = _area_weights if min(rows, columns) >= pixels else _linear_weights
    return np.einsum("tr,rc...,uc->tu...", weigh(rows, pixels), values, weigh(columns, pixels))


def plain_normalise(values: np.ndarray, step: Normalise) -> np.ndarray:
    return (values - np.array(step.mean)) / np.array(step.deviation)


def plain_field_of_view(hu: np.ndarray, step: FieldOfView, spacing: tuple[float, float]) -> np.ndarray:
    size = [max(2, round(step.size_mm / mm)) for mm in spacing]
    middle = [side / 2 for side in hu.shape]
    bone = hu > step.bone_hu
    if step.centre == "skull" and bone.sum() * spacing[0] * spacing[1] >= 500.0:
        for axis in (0, 1):
            share = np.cumsum(bone.sum(axis=1 - axis)) / bone.sum()
            middle[axis] = (np.argmax(share >= 0.02) + np.argmax(share >= 0.98) + 1) / 2
    top, left = (round(m - s / 2) for m, s in zip(middle, size, strict=True))
    cut = np.full(size, -1000.0)
    for r in range(size[0]):
        for c in range(size[1]):
            if 0 <= top + r < hu.shape[0] and 0 <= left + c < hu.shape[1]:
                cut[r, c] = hu[top + r, left + c]
    weigh = _area_weights if min(size) >= step.pixels else _linear_weights
    return weigh(size[0], step.pixels) @ cut @ weigh(size[1], step.pixels).T


# --- one step --------------------------------------------------------------------------------------------------------


def assert_close(given: np.ndarray, expected: np.ndarray, unit: float = 1.0) -> None:
    assert given.shape == expected.shape
    assert np.abs(given.astype(np.float64) - expected).max() <= CLOSE * unit


@EXAMPLES
@given(seed=seeds, rows=sides, columns=sides, whole=st.booleans(), step=paddings)
def test_padding(seed: int, rows: int, columns: int, whole: bool, step: Padding) -> None:
    hu = picture(seed, rows, columns, whole=whole)
    given_values = step.apply(Plane(hu, (1.0, 1.0))).values
    assert_close(given_values, plain_padding(hu.astype(np.float64), step), HU_RANGE)


@EXAMPLES
@given(seed=seeds, rows=sides, columns=sides, whole=st.booleans(), chosen=windows)
def test_windows(seed: int, rows: int, columns: int, whole: bool, chosen: tuple[Window, ...]) -> None:
    hu = picture(seed, rows, columns, whole=whole)
    step = Windows(windows=chosen)
    assert_close(step.apply(Plane(hu, (1.0, 1.0))).values, plain_windows(hu.astype(np.float64), step))


@EXAMPLES
@given(seed=seeds, rows=sides, columns=sides, whole=st.booleans(), step=resizes, channels=st.integers(0, 3))
def test_resize(seed: int, rows: int, columns: int, whole: bool, step: Resize, channels: int) -> None:
    hu = picture(seed, rows, columns, whole=whole, edges=False)
    if channels:
        hu = np.stack([hu] * channels, axis=-1).astype(np.float32)
    given_plane = step.apply(Plane(hu, (0.5, 0.7)))
    assert_close(given_plane.values, plain_resize(hu.astype(np.float64), step.pixels), HU_RANGE)
    assert given_plane.spacing_mm == pytest.approx((0.5 * rows / step.pixels, 0.7 * columns / step.pixels))


@EXAMPLES
@given(seed=seeds, mean=st.floats(-1, 1), deviation=st.floats(0.1, 10), single=st.booleans())
def test_normalise(seed: int, mean: float, deviation: float, single: bool) -> None:
    values = np.random.default_rng(seed).random((9, 8, 3)).astype(np.float32)
    step = Normalise(mean=(mean,) * (1 if single else 3), deviation=(deviation,) * (1 if single else 3))
    unit = max(1.0, 2 / deviation)
    assert_close(step.apply(Plane(values, (1.0, 1.0))).values, plain_normalise(values.astype(np.float64), step), unit)


@EXAMPLES
@given(
    seed=seeds,
    rows=sides,
    columns=sides,
    whole=st.booleans(),
    size=st.sampled_from([20.0, 33.3, 60.0, 110.0]),
    pixels=st.integers(8, 50),
    spacing=st.sampled_from([(1.0, 1.0), (0.49, 0.49), (1.3, 2.1), (3.0, 3.0)]),
    centre=st.sampled_from(["skull", "image"]),
)
def test_field_of_view(
    seed: int, rows: int, columns: int, whole: bool, size: float, pixels: int, spacing: tuple[float, float], centre: str
) -> None:
    hu = picture(seed, rows, columns, whole=whole, edges=False)
    step = FieldOfView.model_validate({"size_mm": size, "pixels": pixels, "centre": centre})
    expected = plain_field_of_view(hu.astype(np.float64), step, spacing)
    assert_close(step.apply(Plane(hu, spacing)).values, expected, HU_RANGE)


def head(seed: int) -> np.ndarray:
    dice = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    radius = np.hypot(x / 0.78, y / 0.9) + dice.normal(0, 0.01)
    hu = np.where(radius < 0.82, 35.0, np.where(radius < 0.92, 1100.0, np.where(radius < 1.0, 40.0, -1000.0)))
    hu += dice.normal(0, 6, hu.shape)
    hu[40:52, 30:44] += float(dice.uniform(10, 45))
    return hu.astype(np.float32)


def plain_strip(hu: np.ndarray, step: Strip, spacing: tuple[float, float], inside: np.ndarray) -> np.ndarray:
    """What is measured inside the brain, in float64; where the brain is, is morphology without arithmetic."""
    relative = np.where(inside, hu - np.median(hu[inside]), 0.0)
    sigma = step.smooth_mm / spacing[0], step.smooth_mm / spacing[1]
    total, weight = (_gaussian(image, sigma) for image in (relative, inside.astype(np.float64)))
    smooth = np.where(inside, total / np.maximum(weight, 1e-3), 0.0)
    spread = np.median(np.abs(smooth[inside] - np.median(smooth[inside])))
    scale = step.spread * max(spread, SMALLEST_DEVIATION_HU)
    both = np.clip(relative / step.contrast_hu, -step.clip, step.clip), np.clip(smooth / scale, -step.clip, step.clip)
    return np.stack(both, axis=-1) * inside[..., None]


def _gaussian(image: np.ndarray, sigma: tuple[float, float]) -> np.ndarray:
    """Truncated and mirrored at the border, as OpenCV says of images in floating point."""
    for axis, s in enumerate(sigma):
        size = round(s * 8 + 1) | 1
        reach = size // 2
        taps = np.exp(-((np.arange(size) - reach) ** 2) / (2 * s * s))
        taps /= taps.sum()
        padded = np.pad(image, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="reflect")
        image = np.apply_along_axis(lambda line, taps=taps: np.convolve(line, taps, "valid"), axis, padded)
    return image


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), spacing=st.sampled_from([(2.5, 2.5), (2.4, 2.6)]))
def test_strip(seed: int, spacing: tuple[float, float]) -> None:
    step = Strip()
    plane = Plane(head(seed), spacing)
    inside = step.brain_mask(plane).astype(bool)
    assert inside.sum() > 500
    expected = plain_strip(plane.values.astype(np.float64), step, spacing, inside)
    # far below CLOSE of the range of HU, over the 30 HU that are one here
    assert np.abs(step.apply(plane).values - expected).max() < 2e-5


# --- the chain as it is run ------------------------------------------------------------------------------------------


def chain(*steps: RegisteredStep) -> Preprocessor:
    return Preprocessor.from_spec(PreprocessingSpec(name="chain", steps=steps))


def one_by_one(steps: tuple[RegisteredStep, ...], hu: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    plane = Plane(hu.astype(np.float32), spacing)
    for step in steps:
        plane = step.apply(plane)
    return plane.values if plane.values.ndim == 3 else plane.values[..., None]


@EXAMPLES
@given(
    seed=seeds,
    rows=sides,
    columns=sides,
    before=st.lists(paddings, max_size=2),
    chosen=windows,
    resize=st.none() | resizes,
    whole=st.booleans(),
)
def test_a_fused_chain_equals_the_plain_reference(
    seed: int,
    rows: int,
    columns: int,
    before: list[Padding],
    chosen: tuple[Window, ...],
    resize: Resize | None,
    whole: bool,
) -> None:
    hu = picture(seed, rows, columns, whole=whole)
    expected = hu.astype(np.float64)
    for step in before:
        expected = plain_padding(expected.astype(np.float32).astype(np.float64), step)
    expected = plain_windows(expected, Windows(windows=chosen))
    if resize is not None:
        expected = plain_resize(expected, resize.pixels)
    steps = (*before, Windows(windows=chosen), *([resize] if resize else []))
    assert_close(chain(*steps).tensor(hu, (1.0, 1.0)), expected)


@pytest.mark.parametrize(
    "steps",
    [
        STRIP.steps,
        (Padding(), FieldOfView(size_mm=30, pixels=24), Windows(windows=(Window(centre=40, width=80),))),
        (Windows(windows=(Window(centre=40, width=80),)), Normalise(mean=(0.5,), deviation=(0.2,)), Resize(pixels=16)),
        (Padding(), Resize(pixels=16), Windows(windows=(Window(centre=40, width=80),))),
        (Padding(), Padding(below=0)),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_fusing_changes_nothing(steps: tuple[RegisteredStep, ...], whole: bool) -> None:
    hu = head(3).astype(np.int16 if whole else np.float32)
    assert_close(chain(*steps).tensor(hu, (2.0, 2.0)), one_by_one(steps, hu, (2.0, 2.0)).astype(np.float64))


def test_threads_may_share_a_chain() -> None:
    steps = (Padding(), Windows(windows=(Window(centre=40, width=80), Window(centre=80, width=200))), Resize(pixels=24))
    shared = chain(*steps)
    pictures = [picture(seed, 64, 64) for seed in range(200)]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda hu: shared.tensor(hu, (1.0, 1.0)), pictures))
    assert all(np.array_equal(a, shared.tensor(b, (1.0, 1.0))) for a, b in zip(got, pictures, strict=True))


def test_the_reference_itself_knows_what_an_area_average_is() -> None:
    values = np.arange(16.0).reshape(4, 4)
    assert plain_resize(values, 2).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert np.abs(plain_resize(values, 3) - cv2.resize(values, (3, 3), interpolation=cv2.INTER_AREA)).max() < 1e-12
