"""Opening and writing model bundles: folders of data with a manifest that names every file's sha256."""

from collections.abc import Mapping
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
        return ModelKind.KERAS if bundle_guard.KERAS_FILE in self.manifest.files else ModelKind.SAVED_MODEL

    @property
    def model_path(self) -> Path:
        """The ``model.keras`` file or the ``saved_model`` folder."""
        keras = self.kind is ModelKind.KERAS
        return self.folder / (bundle_guard.KERAS_FILE if keras else bundle_guard.SAVED_MODEL_FOLDER)

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
    problems = file_problems(folder, manifest.files)
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
        elif bundle_guard.sha256_of(folder / name) != hashes[name]:
            problems.append(FileProblem(name, "was changed: its sha256 is not the one in [files]"))
    # A file that is not the one the manifest names is not even looked into.
    return problems or list(bundle_guard.inspect(folder, names))


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
    "manifest_example",
    "open_bundle",
    "write_bundle",
]
