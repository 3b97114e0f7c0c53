"""Opening and writing model bundles: folders of data with a manifest that names every file's sha256."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from hounsfield.model import bundle_guard
from hounsfield.model.bundle_guard import FileProblem
from hounsfield.model.errors import BundleError, ManifestError
from hounsfield.model.manifest import MANIFEST_NAME, Manifest, read_manifest_bytes
from hounsfield.model.toml_text import toml_text

_PROBLEMS_SHOWN = 8


class ModelKind(StrEnum):
    """How the model is stored."""

    KERAS = "keras"
    SAVED_MODEL = "saved_model"
    ONNX = "onnx"


_PATHS = {
    ModelKind.KERAS: bundle_guard.KERAS_FILE,
    ModelKind.SAVED_MODEL: bundle_guard.SAVED_MODEL_FOLDER,
    ModelKind.ONNX: bundle_guard.ONNX_FILE,
}
_SEQUENCES = {ModelKind.KERAS: bundle_guard.KERAS_SEQUENCE, ModelKind.ONNX: bundle_guard.ONNX_SEQUENCE}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files were all verified when it was opened."""

    folder: Path
    manifest: Manifest
    sha256: str
    """Over the manifest's bytes, which name the hash of every other file: it identifies the whole bundle."""

    @property
    def kind(self) -> ModelKind:
        """How the model is stored."""
        return kind_of(self.manifest)

    @property
    def model_path(self) -> Path:
        """The ``model.keras`` or ``model.onnx`` file, or the ``saved_model`` folder."""
        return self.folder / _PATHS[self.kind]

    @property
    def sequence_path(self) -> Path | None:
        """The file of the second network; None for a bundle whose model sees one slice at a time."""
        return None if self.manifest.sequence is None else self.folder / _SEQUENCES[self.kind]

    @property
    def label(self) -> str:
        """Name and version for people, as in ``ich-demo 1.0.0``."""
        return f"{self.manifest.name} {self.manifest.version}"


def open_bundle(folder: Path) -> Bundle:
    """Verify a bundle and return it; the model itself is not loaded, TensorFlow not imported.

    Every file must be named in the manifest with its hash, and no file may be there that is not named.
    Raises BundleError (ManifestError for manifest.toml) saying which file is wrong and how.
    """
    folder = folder.resolve()
    content = read_manifest_bytes(folder)
    manifest = Manifest.parse(content, str(folder / MANIFEST_NAME))
    problems = file_problems(folder, manifest.files) or list(sequence_problems(manifest))
    if problems:
        shown = "; ".join(f"{folder / one.file}: {one.message}" for one in problems[:_PROBLEMS_SHOWN])
        more = f"; and {len(problems) - _PROBLEMS_SHOWN} more" if len(problems) > _PROBLEMS_SHOWN else ""
        raise BundleError(shown + more)
    return Bundle(folder, manifest, sha256(content).hexdigest())


def file_problems(folder: Path, hashes: Mapping[str, str]) -> list[FileProblem]:
    """Compare a folder with the hashes its manifest names, and look into what is there.

    Raises BundleError for a symbolic link, which is never followed.
    """
    names = bundle_guard.files_in(folder, MANIFEST_NAME)
    problems = [FileProblem(name, "is named in [files] but missing") for name in sorted(set(hashes) - set(names))]
    for name in names:
        if name not in hashes:
            problems.append(FileProblem(name, "is not named in [files] of the manifest"))
        elif problem := _difference(folder / name, hashes[name]):
            problems.append(FileProblem(name, problem))
    # A file that is not the one the manifest names is not even looked into.
    return problems or list(bundle_guard.inspect(folder, names))


def _difference(path: Path, sha256: str) -> str | None:
    try:
        if bundle_guard.sha256_of(path) == sha256:
            return None
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "was changed: its sha256 is not the one in [files]"


def kind_of(manifest: Manifest) -> ModelKind:
    """Return how the model of a manifest is stored."""
    if bundle_guard.KERAS_FILE in manifest.files:
        return ModelKind.KERAS
    return ModelKind.ONNX if bundle_guard.ONNX_FILE in manifest.files else ModelKind.SAVED_MODEL


def sequence_problems(manifest: Manifest) -> Iterator[FileProblem]:
    """Name a second network that is missing, or that the manifest does not speak of."""
    wanted = _SEQUENCES.get(kind_of(manifest)) if manifest.sequence is not None else None
    if manifest.sequence is not None and wanted is None:
        words = f'must be {bundle_guard.KERAS_FILE} or {bundle_guard.ONNX_FILE} with input.context = "series"'
        yield FileProblem(bundle_guard.SAVED_MODEL_FOLDER, words)
    if wanted is not None and wanted not in manifest.files:
        yield FileProblem(wanted, 'is missing: with input.context = "series" it scores the slices')
    for name in _SEQUENCES.values():
        if name in manifest.files and name != wanted:
            suffix = Path(name).suffix
            yield FileProblem(name, f'stands beside model{suffix}, and with input.context = "series", only')


def write_bundle(folder: Path, fields: Mapping[str, Any], files: Mapping[str, bytes | Path] | None = None) -> Bundle:
    """Make ``folder`` a bundle: write ``files`` into it, then a manifest that names every file there.

    ``fields`` is the manifest without ``files``; values may be pydantic models. The same content gives the same
    bytes. Raises ManifestError for wrong fields and BundleError for files that have no place in a bundle.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (files or {}).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    hashes = {name: bundle_guard.sha256_of(folder / name) for name in bundle_guard.files_in(folder, MANIFEST_NAME)}
    text = toml_text({**{key: value for key, value in fields.items() if key != "files"}, "files": hashes})
    Manifest.parse(text.encode(), str(folder / MANIFEST_NAME))
    (folder / MANIFEST_NAME).write_bytes(text.encode())
    return open_bundle(folder)


def bundled() -> Path:
    """Folder of the demonstration bundle that ships in the package."""
    return Path(str(resources.files("hounsfield.model"))) / "bundled" / "ich-demo"


def manifest_example() -> str:
    """Return the text of a manifest to start from; without ``[files]``, which is written when a bundle is sealed."""
    path = resources.files("hounsfield.model") / "bundled" / "manifest-example.toml"
    return path.read_text(encoding="utf-8")


__all__ = [
    "Bundle",
    "BundleError",
    "FileProblem",
    "ManifestError",
    "ModelKind",
    "bundled",
    "file_problems",
    "kind_of",
    "manifest_example",
    "open_bundle",
    "sequence_problems",
    "write_bundle",
]
