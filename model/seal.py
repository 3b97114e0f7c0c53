"""Finishes a bundle that its author wrote by hand: golden slices, and the hash of every file in the manifest.

The author's text stays as it is, comments and all; only the table ``[files]`` is written anew, at its end.
"""

import re
import tomllib
from pathlib import Path

from hounsfield.model import bundle_guard
from hounsfield.model.bundle import Bundle, open_bundle
from hounsfield.model.errors import BundleError, ManifestError, ManifestProblem
from hounsfield.model.manifest import MANIFEST_NAME, Manifest, read_manifest_bytes
from hounsfield.model.phantom import PhantomSpec, Subtype, render
from hounsfield.model.selftest import golden_of
from hounsfield.model.toml_text import toml_text

GOLDEN = PhantomSpec(seed=90_002, lesion=Subtype.SUBDURAL, slices=10, step_mm=10.0, matrix=128)
"""A generated head: golden slices travel with the bundle, and never show a patient."""

_FILES_TABLE = re.compile(r"^\[files\][^\n]*\n(?:(?!\[)[^\n]*\n?)*", re.MULTILINE)


def seal(folder: Path, *, new_golden: bool = False) -> Bundle:
    """Make ``folder`` a bundle that can be served, and return it.

    Golden slices that are there are kept unless ``new_golden``; otherwise what the model answers now on generated
    slices becomes what it has to answer from now on. Raises ManifestError for a wrong manifest and BundleError for
    files that have no place in a bundle or a model that does not load.
    """
    folder = folder.resolve()
    text = _without_files(folder)
    bundle = _written(folder, text)
    golden = folder / bundle.manifest.golden.file
    if golden.exists() and not new_golden:
        return bundle
    golden.parent.mkdir(parents=True, exist_ok=True)
    drawn = render(GOLDEN)
    positions = [GOLDEN.step_mm * number for number in range(len(drawn.hu))]
    golden.write_bytes(golden_of(bundle, drawn.hu, drawn.spacing_mm[1:], positions))
    return _written(folder, text)


def _without_files(folder: Path) -> str:
    """Return the manifest without its table ``[files]``."""
    name, content = str(folder / MANIFEST_NAME), read_manifest_bytes(folder)
    try:
        text = _FILES_TABLE.sub("", content.decode("utf-8"))
        left = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ManifestError(name, (ManifestProblem("", f"must be UTF-8 text: {error.reason}"),)) from error
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(name, (ManifestProblem("", f"not TOML: {error}"),)) from error
    if "files" in left:
        words = "remove it: it is written for you, as the table [files]"
        raise ManifestError(name, (ManifestProblem("files", words),))
    return text.rstrip("\n") + "\n"


def _written(folder: Path, text: str) -> Bundle:
    names = bundle_guard.files_in(folder, MANIFEST_NAME)
    if not names:
        raise BundleError(f"{folder}: holds no model; put {bundle_guard.KERAS_FILE} beside {MANIFEST_NAME}")
    hashes = {name: bundle_guard.sha256_of(folder / name) for name in names}
    content = f"{text}\n{toml_text({'files': hashes}).lstrip()}".encode()
    Manifest.parse(content, str(folder / MANIFEST_NAME))
    (folder / MANIFEST_NAME).write_bytes(content)
    return open_bundle(folder)
