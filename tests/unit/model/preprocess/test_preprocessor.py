import numpy as np
import pytest
from pydantic import ValidationError

from hounsfield.model.preprocess import PreprocessingSpec, Preprocessor
from hounsfield.model.preprocess.plane import Plane
from hounsfield.model.preprocess.steps import FieldOfView, Padding, Resize, Window, Windows
from hounsfield.model.train.demo.recipe import STRIP


def head(matrix: int, field_of_view_mm: float, centre_mm: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """A ring of bone around brain at 30 HU with a clot at 70 HU, in air."""
    pixel = field_of_view_mm / matrix
    line = (np.arange(matrix) - (matrix - 1) / 2) * pixel
    y, x = np.meshgrid(line - centre_mm[0], line - centre_mm[1], indexing="ij")
    radius = np.hypot(x, y)
    hu = np.full((matrix, matrix), -1000.0, np.float32)
    hu[radius < 80] = 1000
    hu[radius < 72] = 30
    hu[np.hypot(x - 30, y) < 15] = 70
    return hu


STRIPPER = Preprocessor.from_spec(STRIP)


def test_the_tensor_has_the_shape_of_the_manifest() -> None:
    tensor = STRIPPER.tensor(head(256, 230), (230 / 256, 230 / 256))
    assert tensor.shape == (96, 96, 2)
    assert tensor.dtype == np.float32
    assert tensor.flags["C_CONTIGUOUS"]


def test_skull_and_background_are_zero_and_the_clot_is_bright() -> None:
    tensor = STRIPPER.tensor(head(256, 230), (230 / 256, 230 / 256))
    assert np.all(tensor[0] == 0)
    assert np.all(tensor[48, 90:] == 0)
    clot = tensor[48, 48 + round(30 / 2.5)]
    assert clot[0] == pytest.approx(40 / 30, abs=0.05)
    assert clot[1] == 2
    assert abs(tensor[48, 30, 0]) < 0.05


@pytest.mark.parametrize(("matrix", "field_of_view"), [(512, 230.0), (512, 300.0), (192, 210.0), (128, 240.0)])
def test_other_matrices_and_fields_of_view_give_the_same_picture(matrix: int, field_of_view: float) -> None:
    expected = STRIPPER.tensor(head(256, 230), (230 / 256, 230 / 256))
    pixel = field_of_view / matrix
    given = STRIPPER.tensor(head(matrix, field_of_view), (pixel, pixel))
    assert np.abs(given - expected).mean() < 0.03
    assert np.corrcoef(given.ravel(), expected.ravel())[0, 1] > 0.97


def test_a_head_off_centre_is_centred() -> None:
    expected = STRIPPER.tensor(head(256, 300), (300 / 256, 300 / 256))
    given = STRIPPER.tensor(head(256, 300, (25.0, -30.0)), (300 / 256, 300 / 256))
    assert np.abs(given - expected).mean() < 0.03


def test_a_matrix_that_is_not_square_keeps_its_proportions() -> None:
    square = head(256, 256)
    tensor = STRIPPER.tensor(square[:, 20:236], (1.0, 1.0))
    assert np.abs(tensor - STRIPPER.tensor(square, (1.0, 1.0))).max() < 0.5


def test_pixels_that_are_not_square_are_made_square() -> None:
    tall = np.repeat(head(256, 256), 2, axis=0)
    tensor = STRIPPER.tensor(tall, (0.5, 1.0))
    assert np.abs(tensor - STRIPPER.tensor(head(256, 256), (1.0, 1.0))).mean() < 0.03


@pytest.mark.parametrize("padding", [-1500.0, -2000.0, -32768.0, np.nan])
def test_padding_outside_the_circle_changes_nothing(padding: float) -> None:
    plain = head(256, 230)
    padded = plain.copy()
    line = np.arange(256) - 127.5
    padded[np.hypot(*np.meshgrid(line, line)) > 126] = padding
    spacing = (230 / 256, 230 / 256)
    assert np.array_equal(STRIPPER.tensor(padded, spacing), STRIPPER.tensor(plain, spacing))


def test_integers_and_floats_give_the_same_tensor() -> None:
    hu = head(256, 230)
    assert np.array_equal(STRIPPER.tensor(hu.astype(np.int16), (0.9, 0.9)), STRIPPER.tensor(hu, (0.9, 0.9)))


@pytest.mark.parametrize("value", [-1000.0, 0.0, 1500.0])
def test_a_slice_without_a_head_gives_zeros(value: float) -> None:
    tensor = STRIPPER.tensor(np.full((64, 48), value, np.float32), (1.0, 1.0))
    assert tensor.shape == (96, 96, 2)
    assert not tensor.any()


def test_brain_outside_an_open_skull_is_not_invented() -> None:
    hu = head(256, 230)
    hu[:, :128][hu[:, :128] > 500] = -1000
    assert not STRIPPER.tensor(hu, (230 / 256, 230 / 256)).any()


@pytest.mark.parametrize("shape", [(0, 10), (10,), (2, 10, 10)])
def test_an_array_that_is_not_one_slice_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="rows, columns"):
        STRIPPER.tensor(np.zeros(shape, np.float32), (1.0, 1.0))


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (-1.0, 1.0), (1.0, float("nan"))])
def test_a_spacing_that_is_not_positive_is_refused(spacing: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="spacing"):
        STRIPPER.tensor(np.zeros((32, 32), np.float32), spacing)


def test_windows_equal_the_arithmetic() -> None:
    hu = np.random.default_rng(1).integers(-2000, 3071, (40, 30)).astype(np.float32)
    step = Windows(windows=(Window(centre=40, width=80), Window(centre=600, width=2800)))
    given = step.apply(Plane(hu, (1.0, 1.0))).values
    assert given.shape == (40, 30, 2)
    for channel, (centre, width) in enumerate(((40, 80), (600, 2800))):
        expected = np.clip((hu - (centre - width / 2)) / width, 0, 1)
        assert np.abs(given[..., channel] - expected).max() < 1e-6


def test_a_window_stack_can_be_resized_and_normalised() -> None:
    steps = [
        {"name": "padding"},
        {"name": "windows", "windows": [{"centre": 40, "width": 80}]},
        {"name": "resize", "pixels": 64},
        {"name": "normalise", "mean": [0.5], "deviation": [0.25]},
    ]
    preprocessor = Preprocessor.from_spec(PreprocessingSpec.model_validate({"name": "windows-1", "steps": steps}))
    tensor = preprocessor.tensor(np.full((128, 100), 40, np.int16), (0.5, 0.5))
    assert tensor.shape == (64, 64, 1)
    assert np.allclose(tensor, 0, atol=1e-6)


def test_one_channel_survives_the_whole_chain() -> None:
    steps = [{"name": "padding"}, {"name": "resize", "pixels": 32}]
    spec = PreprocessingSpec.model_validate({"name": "plain", "steps": steps})
    assert Preprocessor.from_spec(spec).tensor(np.zeros((64, 64)), (1.0, 1.0)).shape == (32, 32, 1)


def test_the_spacing_follows_the_resampling() -> None:
    plane = FieldOfView(size_mm=240, pixels=120).apply(Plane(head(256, 230), (0.9, 0.9)))
    assert plane.spacing_mm == pytest.approx((2.0, 2.0), rel=0.01)
    assert Resize(pixels=60).apply(plane).spacing_mm == pytest.approx((4.0, 4.0), rel=0.01)


def test_steps_leave_their_argument_as_it_is() -> None:
    hu = head(128, 230)
    before = hu.copy()
    Padding(below=0).apply(Plane(hu, (1.0, 1.0)))
    STRIPPER.tensor(hu, (1.8, 1.8))
    assert np.array_equal(hu, before)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{"name": "sharpen"}],
        [{"name": "padding", "belwo": -1024}],
        [{"name": "resize"}],
        [{"name": "windows", "windows": [{"centre": 40, "width": 0}]}],
        [{"name": "normalise", "mean": [0.5, 1], "deviation": [1]}],
    ],
)
def test_wrong_steps_are_refused(steps: list[dict[str, object]]) -> None:
    with pytest.raises(ValidationError):
        PreprocessingSpec.model_validate({"name": "wrong", "steps": steps})


def test_a_spec_survives_its_own_serialisation() -> None:
    assert PreprocessingSpec.model_validate(STRIP.model_dump(mode="json")) == STRIP


def test_a_step_for_one_channel_after_the_channels_is_refused() -> None:
    steps = [{"name": "strip"}, {"name": "strip"}]
    spec = PreprocessingSpec.model_validate({"name": "twice", "steps": steps})
    with pytest.raises(ValueError, match="one channel"):
        Preprocessor.from_spec(spec).tensor(head(128, 230), (1.8, 1.8))
