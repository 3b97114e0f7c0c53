"""Which preprocessing a data set is prepared with: from a file, from a bundle, or windows and a size."""

from pathlib import Path

from pydantic import ValidationError

from hounsfield.model.bundle import open_bundle
from hounsfield.model.data.config import DataSet, ImagesConfig
from hounsfield.model.errors import DataError
from hounsfield.model.preprocess import PreprocessingSpec, Preprocessor
from hounsfield.model.preprocess.steps import FieldOfView, Padding, Resize, Window, Windows
from hounsfield.model.preprocess.strip import Strip
from hounsfield.model.toml_file import read_toml, validated

BRAIN = (40.0, 80.0)
"""Centre and width, HU."""


def read_preprocessing(path: Path) -> PreprocessingSpec:
    """Read a TOML file that is a ``[preprocessing]`` table, or has one. Raises DataError naming file and key."""
    document = read_toml(path, DataError)
    return validated(PreprocessingSpec, document.get("preprocessing", document), path, DataError, "preprocessing")


def preprocessing_of(bundle: Path) -> PreprocessingSpec:
    """Return the preprocessing of a bundle.

    Raises BundleError as ``open_bundle``, and DataError for a bundle whose series are resampled before it: its slices
    are not those of the files.
    """
    manifest = open_bundle(bundle).manifest
    if "resample" in (manifest.scope.tilt, manifest.scope.irregular_spacing):
        raise DataError(f"{bundle}: scope: a bundle that resamples series cannot be prepared for")
    return manifest.preprocessing


def windowed(size: int, windows: tuple[tuple[float, float], ...]) -> PreprocessingSpec:
    """Return windows (centre, width in HU) as channels of ``size`` x ``size`` pixels. Raises DataError."""
    try:
        steps = (
            Padding(),
            Windows(windows=tuple(Window(centre=centre, width=width) for centre, width in windows)),
            Resize(pixels=size),
        )
    except ValidationError as error:
        raise DataError(
            "a size is from 8 to 2048 pixels; a window has a width above 0, and there are 1 to 16"
        ) from error
    return PreprocessingSpec(name=f"windows-{size}", steps=steps)


def default_windows(data: DataSet) -> tuple[tuple[float, float], ...]:
    """Return all of the grey values for pictures, else the brain window."""
    bounds = data.config.image_range if isinstance(data.config, ImagesConfig) else None
    return (BRAIN if bounds is None else ((bounds[0] + bounds[1]) / 2, bounds[1] - bounds[0]),)


def shape_of(spec: PreprocessingSpec) -> tuple[int, int, int]:
    """Return (rows, columns, channels) of what it makes. Raises DataError for steps that do not fit together."""
    try:
        shape = Preprocessor.from_spec(spec).shape()
    except ValueError as error:
        raise DataError(f"preprocessing {spec.name}: {error}") from error
    if not any(isinstance(step, FieldOfView | Resize) for step in spec.steps):
        raise DataError(f"preprocessing {spec.name}: needs a step that makes all images one size, as resize does")
    return shape


def needs_spacing(spec: PreprocessingSpec) -> bool:
    """Whether its result depends on the pixel spacing."""
    return any(isinstance(step, FieldOfView | Strip) for step in spec.steps)
