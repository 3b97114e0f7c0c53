"""A process of its own with two logical CPUs and little memory: prints what a training on them gave, as JSON.

TensorFlow must be told about its devices before it is used, and a limit on memory holds for the whole process.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
from support.training_sets import PIXELS, WINDOW, blob, config_of, write_set

from hounsfield.model.data.prepared import TENSORS, About, Prepared
from hounsfield.model.runtime import tensorflow
from hounsfield.model.toml_text import toml_text
from hounsfield.model.train.devices import settle
from hounsfield.model.train.loop import Hooks, Plan, fit
from hounsfield.model.train.slice_stage import Material, SliceStage
from hounsfield.model.train.split import split_series
from hounsfield.model.train.view import View

ROOM_BYTES = 700_000_000
"""Beyond what the process has when it begins to train."""
LARGE_BYTES = 8_000_000_000
LARGE_SERIES, LARGE_SLICES = 500, 400


def trained(prepared: Prepared, folder: Path, **tables: dict[str, Any]) -> tuple[SliceStage, list[float]]:
    """Train; return the stage and the loss of each epoch."""
    config = config_of(prepared.folder, **tables)
    view = View.of(prepared, config.data)
    split = split_series(prepared.index, view.series_truth, config.split)
    stage = SliceStage(Material(config, view, split, settle(config.training)))
    plan = Plan(folder=folder, patience=0, monitor="loss", checkpoint_seconds=1e9)
    return stage, [float(row["loss"] or 0.0) for row in fit(stage, plan, Hooks()).history]


def on_one_and_two(folder: Path) -> dict[str, Any]:
    """Train the same on one device and on two."""
    prepared = write_set(folder / "small", blob, 12, maps=True)
    out: dict[str, Any] = {}
    weights = []
    still: dict[str, Any] = {"name": "classic", "dropout": 0.0}
    shared: dict[str, Any] = {"epochs": 2, "batch": 8, "device": "cpu", "seed": 3}
    # First, since nothing turns deterministic kernels off again.
    _, out["losses_xla"] = trained(prepared, folder / "xla", training=shared | {"xla": True}, network=still)
    for devices in (1, 2):
        training = shared | {"devices": devices}
        stage, losses = trained(prepared, folder / f"on-{devices}", training=training, network=still)
        out[f"losses_{devices}"] = losses
        weights.append(np.concatenate([one.ravel() for one in stage.trainable.weights()]))
    out["largest_difference"] = float(np.abs(weights[0] - weights[1]).max())
    out["largest_weight"] = float(np.abs(weights[0]).max())
    return out


def large_set(folder: Path) -> Prepared:
    """A data set whose tensors are a hole in a file: as large as it says, and nearly nothing on the disk."""
    folder.mkdir()
    slices = LARGE_SERIES * LARGE_SLICES
    side = int(np.sqrt(LARGE_BYTES / 2 / slices)) // 8 * 8
    about = About(schema=1, labels=("any",), shape=(side, side, 1), preprocessing=WINDOW, slices=slices,
                  series=LARGE_SERIES, clean=True)  # fmt: skip
    (folder / "prepared.toml").write_text(toml_text(about.model_dump(mode="json", by_alias=True)))
    numbers = np.arange(LARGE_SERIES)
    np.savez(
        folder / "index.npz",
        series=np.repeat(numbers.astype(np.int32), LARGE_SLICES),
        position_mm=np.zeros(slices, np.float32),
        truth=(np.arange(slices) % 2).astype(np.float32)[:, None],
        names=np.full(slices, "x.dcm"),
        series_key=numbers.astype(np.str_),
        series_truth=np.ones((LARGE_SERIES, 1), np.float32),
        patient=numbers.astype(np.str_),
        scanner=np.full(LARGE_SERIES, ""),
    )
    with (folder / TENSORS).open("wb") as stream:
        stream.truncate(slices * side * side * 2)
    rows = "".join(f"{one},{'validation' if one == 0 else 'train'}\n" for one in numbers)
    (folder / "split.csv").write_text(f"patient,part\n{rows}")
    return Prepared.open(folder)


def data_bytes() -> int:
    """Return what the process holds in memory of its own (VmData)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData"):
            return int(line.split()[1]) * 1024
    raise OSError("no VmData")


def within_memory(folder: Path) -> dict[str, Any]:
    """Train on a data set of eight gigabytes with less than one."""
    prepared = large_set(folder / "large")
    limit = data_bytes() + ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    training = {"epochs": 1, "batch": 8, "steps": 6, "device": "cpu"}
    split = {"file": str(prepared.folder / "split.csv")}
    _, losses = trained(prepared, folder / "run", training=training, network={"name": "compact"}, split=split)
    return {"set_bytes": (prepared.folder / TENSORS).stat().st_size, "room_bytes": ROOM_BYTES, "losses": losses}


def main() -> None:
    """Do both, in the folder that is named."""
    tf = tensorflow()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    folder = Path(sys.argv[1])
    sys.stdout.write(json.dumps(on_one_and_two(folder) | within_memory(folder)) + "\n")


if __name__ == "__main__":
    assert PIXELS % 8 == 0
    main()
