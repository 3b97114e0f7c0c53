"""Looks into a bundle's files before anything loads them, and names what is not plain data.

A model is code in disguise. What is refused here is what is known to run code or read files at load; it
is no boundary, so the worker runs without rights it does not need (docs/bring-a-model.md).
"""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.model.errors import BundleError
from hounsfield.model.onnx_guard import refusals

KERAS_FILE = "model.keras"
KERAS_SEQUENCE = "sequence.keras"
ONNX_FILE = "model.onnx"
ONNX_SEQUENCE = "sequence.onnx"
SAVED_MODEL_FOLDER = "saved_model"
SAVED_MODEL_FILE = f"{SAVED_MODEL_FOLDER}/saved_model.pb"
ALLOWED_FILES = (
    f"{KERAS_FILE}, {ONNX_FILE} or {SAVED_MODEL_FOLDER}/, {KERAS_SEQUENCE} or {ONNX_SEQUENCE}, golden/*.npz, LICENSE, "
    "NOTICE, and text or pictures (.md .txt .toml .json .csv .html .svg .png)"
)

_NETWORKS = frozenset({KERAS_FILE, KERAS_SEQUENCE, ONNX_FILE, ONNX_SEQUENCE})
_ALLOWED_SUFFIXES = frozenset({".md", ".txt", ".toml", ".json", ".csv", ".html", ".svg", ".png"})
_ALLOWED_NAMES = _NETWORKS | {"LICENSE", "NOTICE"}
_KERAS_MEMBERS = frozenset({"metadata.json", "config.json", "model.weights.h5"})
_LARGEST_CONFIG_BYTES = 64_000_000
_KERAS_MODULES = frozenset(
    {
        "keras",
        "keras.layers",
        "keras.models",
        "keras.initializers",
        "keras.regularizers",
        "keras.constraints",
        "keras.activations",
        "keras.dtype_policies",
        "keras.losses",
        "keras.metrics",
        "keras.optimizers",
        "keras.optimizers.schedules",
        "keras.ops",
        "keras.src.models.functional",
        "keras.src.models.sequential",
        "keras.src.models.model",
    }
)
_KERAS_PARTS = ("keras.src.ops.", "keras.src.applications.")
_KERAS_INTERNAL = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__tuple__", "__slice__", "__ellipsis__"})
_REFUSED_LAYERS = {
    "Lambda": "it runs code stored in the file",
    "__lambda__": "it runs code stored in the file",
    "function": "it names a function to call; if it is a loss or metric, save keras.Model(model.inputs, model.outputs)",
    "TFSMLayer": "it loads another model from a path",
    "TorchModuleWrapper": "it unpickles a torch module",
    "JaxLayer": "it runs code stored in the file",
    "FlaxLayer": "it runs code stored in the file",
    "StringLookup": "it can read files by path",
    "IntegerLookup": "it can read files by path",
    "TextVectorization": "it can read files by path",
}
_REFUSED_OPERATIONS = (
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "ReadFile",
    "WriteFile",
    "MatchingFiles",
    "ImmutableConst",
    "RpcCall",
    "FileSystemSetConfiguration",
)


@dataclass(frozen=True, slots=True)
class FileProblem:
    """What is wrong with one file of a bundle; ``file`` is relative to its folder."""

    file: str
    message: str


def files_in(folder: Path, manifest_name: str) -> list[str]:
    """List the bundle's files but the manifest, relative, with ``/``, sorted.

    Raises BundleError for a symbolic link or anything else that is not a plain file or folder.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise BundleError(f"{folder / name}: a bundle holds plain files and folders only, no links or devices")
        if path.is_file() and name != manifest_name:
            found.append(name)
    return found


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def inspect(folder: Path, names: list[str]) -> Iterator[FileProblem]:
    """Name every file that has no place in a bundle, and what in the others is refused. Loads nothing."""
    if sum(name in names for name in (KERAS_FILE, ONNX_FILE, SAVED_MODEL_FILE)) != 1:
        yield FileProblem("", f"must hold one model: {KERAS_FILE}, {ONNX_FILE} or {SAVED_MODEL_FILE}")
    for name in names:
        if not _has_a_place(name):
            yield FileProblem(name, f"has no place in a bundle; allowed: {ALLOWED_FILES}")
        elif name in (KERAS_FILE, KERAS_SEQUENCE):
            yield from _inspect_keras(folder / name, name)
        elif name in (ONNX_FILE, ONNX_SEQUENCE):
            yield from (FileProblem(name, words) for words in refusals(folder / name))
        elif name.endswith(".npz"):
            yield from _inspect_npz(folder / name, name)
        elif name == SAVED_MODEL_FILE:
            yield from _inspect_saved_model(folder / name, name)


def _has_a_place(name: str) -> bool:
    top, _, rest = name.partition("/")
    if top == SAVED_MODEL_FOLDER and rest:
        return rest in ("saved_model.pb", "fingerprint.pb") or rest.startswith(("variables/variables.", "assets/"))
    if name in _ALLOWED_NAMES:
        return True
    suffix = Path(name).suffix
    return suffix in _ALLOWED_SUFFIXES or (suffix == ".npz" and top == "golden" and bool(rest))


def _inspect_keras(path: Path, name: str) -> Iterator[FileProblem]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member.file_size for member in archive.infolist()}
            if set(members) != _KERAS_MEMBERS or len(archive.infolist()) != len(_KERAS_MEMBERS):
                yield FileProblem(name, f"must hold {', '.join(sorted(_KERAS_MEMBERS))} and nothing else")
                return
            if members["config.json"] > _LARGEST_CONFIG_BYTES:
                yield FileProblem(name, f"its config.json is larger than {_LARGEST_CONFIG_BYTES} bytes")
                return
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, RecursionError) as error:
        yield FileProblem(name, f"is not a .keras archive as Keras 3 saves it ({type(error).__name__})")
        return
    seen = set()
    for problem in _refused_classes(config):
        if problem not in seen:
            seen.add(problem)
            yield FileProblem(name, problem)


def _refused_classes(root: Any) -> Iterator[str]:
    """Walk a Keras config without recursion (depth is the author's) and judge every serialised object."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            waiting.extend(node.values())
            if "class_name" in node and (refusal := _refusal(node)):
                yield refusal


def _refusal(node: dict[str, Any]) -> str | None:
    name, module = str(node["class_name"]), node.get("module")
    if reason := _REFUSED_LAYERS.get(name.rpartition(">")[2]):
        return f"holds {name}, which is refused: {reason}"
    if name in _KERAS_INTERNAL:
        return None
    own = module in _KERAS_MODULES or (isinstance(module, str) and module.startswith(_KERAS_PARTS))
    if not own or ">" in str(node.get("registered_name") or ""):
        return f"holds {name} of module {module}, which is not Keras' own; allowed: layers of keras.layers, keras.ops"
    return None


def _inspect_npz(path: Path, name: str) -> Iterator[FileProblem]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as stream:
                    version = np.lib.format.read_magic(stream)
                    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else _read_header_2_0
                    if read(stream)[2].hasobject:
                        yield FileProblem(name, f"{member} holds Python objects (pickle); plain numbers only")
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        yield FileProblem(name, f"is not an npz archive of plain arrays ({type(error).__name__})")


def _read_header_2_0(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    return np.lib.format.read_array_header_2_0(stream)


def _inspect_saved_model(path: Path, name: str) -> Iterator[FileProblem]:
    content = path.read_bytes()
    for operation in _REFUSED_OPERATIONS:
        # NodeDef.op is field 2 (length-delimited): 0x12, length, text. Searched without TensorFlow's own parser.
        if bytes((0x12, len(operation))) + operation.encode() in content:
            yield FileProblem(name, f"holds the operation {operation}, which is refused: it runs code or reads files")
