"""Checks a bundle for its author: everything that is wrong or odd at once, without loading the model."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hounsfield.model.bundle import Bundle, file_problems, open_bundle, sequence_problems
from hounsfield.model.bundle_guard import FileProblem, files_in, inspect
from hounsfield.model.errors import BundleError, ManifestError
from hounsfield.model.golden import read_golden
from hounsfield.model.manifest import MANIFEST_NAME, Manifest
from hounsfield.model.preprocess import Preprocessor

_DOCUMENTS = {
    "MODEL_CARD.md": "say what the model is for, what it was trained on and how well it does",
    "LICENSE": "say under which terms the model may be used",
}
_LOOSE_TOLERANCE = 0.01


class Severity(StrEnum):
    """Whether the bundle is served in spite of it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend."""

    severity: Severity
    file: str
    """Relative to the bundle's folder; empty for the folder itself."""
    key: str
    """Of the manifest, dotted; empty for other files."""
    message: str


def lint(folder: Path) -> list[Problem]:
    """Return all problems, errors first; an empty list is a clean bundle. Raises nothing for a broken bundle."""
    folder = folder.resolve()
    found = list(_problems(folder))
    return sorted(found, key=lambda problem: problem.severity is not Severity.ERROR)


def _problems(folder: Path) -> Iterator[Problem]:
    try:
        manifest = Manifest.read(folder)
    except ManifestError as error:
        yield from (Problem(Severity.ERROR, MANIFEST_NAME, one.key, one.allowed) for one in error.problems)
        yield from _files(folder, None)
        return
    broken = list(_files(folder, manifest))
    yield from broken
    yield from _settings(manifest)
    yield from _tensor_shape(manifest)
    if manifest.golden.file not in manifest.files:
        yield _wrong("golden.file", "is not in the bundle: without golden slices the self-test cannot pass")
    elif not broken:
        yield from _golden(open_bundle(folder))
    for name, purpose in _DOCUMENTS.items():
        if name not in manifest.files:
            yield Problem(Severity.WARNING, name, "", f"is missing: {purpose}")


def _files(folder: Path, manifest: Manifest | None) -> Iterator[Problem]:
    try:
        found = inspect(folder, files_in(folder, MANIFEST_NAME)) if manifest is None else _all_files(folder, manifest)
        yield from (Problem(Severity.ERROR, one.file, "", one.message) for one in found)
    except BundleError as error:
        yield Problem(Severity.ERROR, "", "", str(error))


def _all_files(folder: Path, manifest: Manifest) -> Iterator[FileProblem]:
    yield from file_problems(folder, manifest.files)
    yield from sequence_problems(manifest)


def _golden(bundle: Bundle) -> Iterator[Problem]:
    try:
        read_golden(bundle)
    except BundleError as error:
        yield Problem(Severity.ERROR, bundle.manifest.golden.file, "", str(error))


def _tensor_shape(manifest: Manifest) -> Iterator[Problem]:
    try:
        made = Preprocessor.from_spec(manifest.preprocessing).shape()
    except ValueError as error:
        yield _wrong("preprocessing.steps", str(error))
        return
    shape = manifest.input.of(made)
    if shape != manifest.input.shape:
        together = shape[2] // made[2]
        beside = f" of {made[2]} x {together} channels, with {together - 1} slices beside" if together > 1 else ""
        yield _wrong("input.shape", f"is {list(manifest.input.shape)}, but preprocessing makes {list(shape)}{beside}")


def _settings(manifest: Manifest) -> Iterator[Problem]:
    if not manifest.clinical and not manifest.banner:
        yield _odd("banner", "is empty: a bundle with clinical = false should say on every result what it is")
    if manifest.clinical and not manifest.calibrated:
        yield _odd("calibrated", "is false: readers will take a score for a probability")
    if not manifest.provenance.metrics:
        yield _odd("provenance.metrics", "is empty: nobody can judge the model")
    if manifest.golden.tolerance > _LOOSE_TOLERANCE:
        yield _odd("golden.tolerance", f"is above {_LOOSE_TOLERANCE}: a drifting model would pass the self-test")
    for place, label in enumerate(manifest.output.labels):
        for key, value in (("threshold", label.threshold), ("slice_threshold", label.slice_threshold)):
            if value in (0.0, 1.0):
                verdict = "everything" if value == 0.0 else "practically nothing"
                yield _odd(f"output.labels[{place}].{key}", f"is {value}: it flags {verdict}")


def _wrong(key: str, message: str) -> Problem:
    return Problem(Severity.ERROR, MANIFEST_NAME, key, message)


def _odd(key: str, message: str) -> Problem:
    return Problem(Severity.WARNING, MANIFEST_NAME, key, message)
