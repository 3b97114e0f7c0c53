"""What a training needs to go on after a kill, in files that are whole or not there."""

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import TrainingError

Arrays = Sequence[NDArray[Any]]


@dataclass(slots=True)
class State:
    """Where a stage of a training stands. The random numbers of a step follow from seed, epoch and step."""

    epoch: int = 0
    """Epochs that are done."""
    step: int = 0
    """Steps of the next one that are done."""
    loss_sum: float = 0.0
    """Over these steps."""
    best: float | None = None
    best_epoch: int = 0
    history: list[dict[str, float | None]] = field(default_factory=list)
    """One row for each epoch."""
    seconds: float = 0.0
    """Spent so far, over all runs."""
    done: bool = False


def write_atomically(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an npz that replaces an older one in one go, synced: after a power cut one of both is there."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_checkpoint(path: Path, state: State, variables: Arrays) -> None:
    """Write state and variables (of model and optimiser, in their order)."""
    words = np.frombuffer(json.dumps(asdict(state)).encode(), np.uint8)
    write_atomically(path, {"state": words} | numbered(variables))


def read_checkpoint(path: Path) -> tuple[State, list[NDArray[Any]]] | None:
    """Return state and variables; None if there is no checkpoint. Raises TrainingError for a damaged one."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            state = State(**json.loads(archive["state"].tobytes()))
            return state, [archive[f"v{place}"] for place in range(len(archive.files) - 1)]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        words = f"is no checkpoint of this version ({type(error).__name__}); remove it to begin this stage anew"
        raise TrainingError(f"{path}: {words}") from error


def numbered(variables: Arrays) -> dict[str, NDArray[Any]]:
    """Return arrays by the names they have in a file."""
    return {f"v{place}": value for place, value in enumerate(variables)}


def read_arrays(path: Path) -> list[NDArray[Any]]:
    """Return what :func:`numbered` named. Raises TrainingError for a file that cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return [archive[f"v{place}"] for place in range(len(archive.files))]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: cannot be read ({type(error).__name__}); remove it and its checkpoint") from error
