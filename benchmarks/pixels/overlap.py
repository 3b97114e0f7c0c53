"""Decoding, preprocessing and the model side by side: the wall time of all against that of the slower half.

Run as a module of its own, since TensorFlow takes its number of threads once::

    python overlap.py FILE SLICES DEVICE

Where both halves want all cores, nothing can be faster than the work of both divided by the cores: that bound is
printed too. A model on a device of its own is also tried as a stand-in that waits as long as decoding takes: then the
cores are free for the rest, and what is measured is the overlap alone.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.model.decoding.decoder import Decoder
from hounsfield.model.headers import read_header
from hounsfield.model.predictor import Predictor
from hounsfield.model.volume import Volume, VolumeReader

ROUNDS = 3
BATCH = 16


def main() -> None:
    path, slices, device = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    predictor = Predictor(open_bundle(bundled()), device, BATCH)
    predictor.warm_up()
    headers = [read_header(path)] * slices
    spacing = [header.pixel_spacing or (1.0, 1.0) for header in headers]
    with (
        tempfile.TemporaryDirectory() as folder,
        Decoder(seconds=600, memory_bytes=1 << 32) as decoder,
    ):
        reader = VolumeReader(folder=Path(folder), decoder=decoder)

        def decode() -> None:
            with reader.open(headers) as volume:
                volume.load()

        def infer(volume: Volume) -> None:
            predictor.analyse(volume.stream(), spacing, [5.0] * (slices - 1))

        def both() -> None:
            with reader.open(headers) as volume:
                infer(volume)

        with reader.open(headers) as ready:
            ready.load()
            found = _walls({"decode": decode, "infer": lambda: infer(ready), "both": both})
            cores = len(os.sched_getaffinity(0))
            work = _processor_seconds(both, decoder)
            predictor._raw = _waiting(found["decode"] / -(-slices // BATCH), predictor._width)
            waiting = _walls({"infer": lambda: infer(ready), "both": both})
            work_waiting = _processor_seconds(both, decoder)
    print(
        json.dumps(
            {
                **found,
                "work_per_core": work / cores,
                "work_waiting_per_core": work_waiting / cores,
                "waiting_infer": waiting["infer"],
                "waiting_both": waiting["both"],
                "device": predictor.device,
                "slices": slices,
                "cores": cores,
            }
        )
    )


def _waiting(seconds: float, width: int) -> Callable[[np.ndarray], np.ndarray]:
    """A model that needs so long for a batch, and no core."""

    def answer(batch: np.ndarray) -> np.ndarray:
        time.sleep(seconds)
        return np.zeros((len(batch), width), np.float32)

    return answer


def _processor_seconds(call: Callable[[], object], decoder: Decoder) -> float:
    """What a call costs this process and the one that decodes."""

    def used() -> float:
        if decoder._child is None:
            return time.process_time()
        fields = Path(f"/proc/{decoder._child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = used()
    call()
    return used() - before


def _walls(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The best of interleaved rounds: what else the machine does can only make it longer."""
    for call in calls.values():
        call()
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seen[name].append(time.perf_counter() - started)
    return {name: min(values) for name, values in seen.items()}


if __name__ == "__main__":
    main()
