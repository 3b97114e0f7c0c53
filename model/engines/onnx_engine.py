"""ONNX Runtime: models from the rest of the field. TensorFlow is not imported for them.

A network exported by PyTorch takes (batch, channels, rows, columns), one exported by TensorFlow (batch, rows, columns,
channels). Which of the two a model wants is read from the shape of its input, beside ``input.shape`` of the manifest,
which is always (rows, columns, channels); for the first the tensor is transposed. ``sequence.onnx`` takes
(1, m, d + 1) and names its outputs ``slices`` and ``series``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.model.bundle import Bundle
from hounsfield.model.engines.engine import PLAIN, Array, Execution, LoadedModel, Run, SequenceRun
from hounsfield.model.engines.faults import gpu_is_full, gpu_is_gone
from hounsfield.model.errors import BundleError, DeviceError, DeviceLost, InferenceError, OutOfModelMemory
from hounsfield.model.networks.sequence import SERIES, SLICES
from hounsfield.model.runtime import cpu_model, gpu_number

_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_ONLY_FATAL = 4
"""ONNX Runtime's severity: what goes wrong is raised as well."""
_FULL = ("failed to allocate", "bad_alloc", "bad allocation")


class OnnxEngine:
    """The networks of a bundle as sessions of ONNX Runtime."""

    model: LoadedModel | None = None

    def __init__(self, bundle: Bundle, device: str, gpu_memory_bytes: int | None = None) -> None:
        """Load them. Raises DeviceError and BundleError."""
        self._bundle = bundle
        self._library = _onnxruntime(bundle)
        providers = _providers(self._library, device, gpu_memory_bytes)
        self._session = self._loaded(bundle.model_path, providers)
        self._on_gpu = self._session.get_providers()[0] == _CUDA
        if device.lower().startswith("gpu") and not self._on_gpu:
            raise DeviceError(f'device {device!r} cannot be used by ONNX Runtime here; use "auto" or "cpu"')
        self._gpu = gpu_number(device) or 0
        path = bundle.sequence_path
        self._second = None if path is None else self._loaded(path, providers)
        self._input = _only(self._session.get_inputs(), "input", bundle.model_path)
        _only(self._session.get_outputs(), "output", bundle.model_path)

    @property
    def device(self) -> str:
        """From the provider that the session runs on."""
        return f"/device:GPU:{self._gpu} ({_CUDA})" if self._on_gpu else f"/device:CPU:0 ({cpu_model()})"

    @property
    def candidates(self) -> tuple[Execution, ...]:
        """ONNX Runtime chooses by itself."""
        return (PLAIN,)

    def prepare(self, shape: tuple[int, ...], execution: Execution) -> Run:
        """Raise BundleError for an input that is neither (rows, columns, channels) nor (channels, rows, columns)."""
        if execution != PLAIN:
            raise ValueError(f"ONNX Runtime does not run in {execution}")
        channels_first = self._channels_first(shape[1:])
        at_once = self._input.shape[0] if isinstance(self._input.shape[0], int) else shape[0]

        def run(batch: Array) -> Array:
            ordered = np.ascontiguousarray(batch.transpose(0, 3, 1, 2)) if channels_first else batch
            with self._faults():
                return _in_parts(ordered, at_once, lambda part: self._session.run(None, {self._input.name: part})[0])

        return run

    def prepare_sequence(self, width: int) -> SequenceRun:  # noqa: ARG002 - of the protocol
        """Check the names of the outputs."""
        session = self._second
        if session is None:
            raise BundleError(f"{self._bundle.label}: has no sequence network")
        path = self._bundle.sequence_path
        only = _only(session.get_inputs(), "input", path)
        if {one.name for one in session.get_outputs()} != {SLICES, SERIES}:
            raise BundleError(f"{path}: its outputs must be named {SLICES} and {SERIES}")

        def run(rows: Array) -> tuple[Array, Array]:
            with self._faults():
                slices, series = session.run([SLICES, SERIES], {only.name: rows[None]})
            return np.asarray(slices, np.float32)[0], np.asarray(series, np.float32)[0]

        return run

    def facts(self) -> dict[str, str]:
        """Name ONNX Runtime."""
        return {"engine": self._bundle.kind.value, "onnxruntime": str(self._library.__version__)}

    def _loaded(self, path: Path, providers: Sequence[Any]) -> Any:
        options = self._library.SessionOptions()
        options.log_severity_level = _ONLY_FATAL
        try:
            return self._library.InferenceSession(str(path), options, providers=providers)
        except _errors() as error:
            raise BundleError(f"{self._bundle.label}: {path} does not load ({type(error).__name__})") from error

    def _channels_first(self, wanted: Sequence[int]) -> bool:
        found = self._input.shape[1:]
        last, first = _fits(found, wanted), _fits(found, (wanted[2], wanted[0], wanted[1]))
        if self._input.type == "tensor(float)" and last != first:
            return first
        rows, columns, channels = wanted
        raise BundleError(
            f"{self._bundle.label}: the model does not take input.shape {list(wanted)}: it takes {self._input.type} "
            f"{self._input.shape}, and has to take tensor(float), either (batch, {rows}, {columns}, {channels}) or "
            f"(batch, {channels}, {rows}, {columns}), told apart by sides that are fixed"
        )

    @contextmanager
    def _faults(self) -> Iterator[None]:
        label = self._bundle.label
        known: tuple[type[BaseException], ...] = (MemoryError, *_errors())
        try:
            yield
        except known as error:
            words, name = str(error), type(error).__name__
            full = isinstance(error, MemoryError) or any(one in words.lower() for one in _FULL)
            if full or (self._on_gpu and gpu_is_full(words)):
                raise OutOfModelMemory(f"{label}: {self.device} has no memory for so many slices at once") from error
            if self._on_gpu and gpu_is_gone(name, words):
                raise DeviceLost(f"{label}: {self.device} is gone ({name})") from error
            raise InferenceError(f"{label}: the model failed while running ({name})") from error


def _onnxruntime(bundle: Bundle) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise BundleError(
            f"{bundle.label}: {bundle.model_path.name} needs ONNX Runtime, which is not installed; install the extra "
            "`onnx` (docs/supply-chain.md)"
        ) from error
    return onnxruntime


def _errors() -> tuple[type[BaseException], ...]:
    """ONNX Runtime's errors have no base class of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception))
    return tuple(kinds)


def _providers(library: Any, device: str, gpu_memory_bytes: int | None) -> list[Any]:
    """Return what a session may run on, best first. Raises DeviceError for a device that is not there."""
    number = gpu_number(device)
    there = _CUDA in library.get_available_providers()
    if number is not None and device.lower() != "auto" and not there:
        raise DeviceError(f'device {device!r} is not there: this ONNX Runtime knows no GPU; use "auto" or "cpu"')
    if number is None or not there:
        return [_CPU]
    limit = {} if gpu_memory_bytes is None else {"gpu_mem_limit": str(gpu_memory_bytes)}
    return [(_CUDA, {"device_id": str(number), "use_tf32": "0", **limit}), _CPU]


def _only(tensors: Sequence[Any], kind: str, path: Path | None) -> Any:
    if len(tensors) != 1:
        raise BundleError(f"{path}: has {len(tensors)} {kind}s; a model has one")
    return tensors[0]


def _fits(found: Sequence[Any], wanted: Sequence[int]) -> bool:
    """A side that is no number (a name, None) fits any."""
    return len(found) == len(wanted) and all(
        not isinstance(side, int) or side == other for side, other in zip(found, wanted, strict=True)
    )


def _in_parts(batch: Array, at_once: int, call: Callable[[Array], Any]) -> Array:
    """Run a batch through a model whose own batch is fixed to another size, the last part filled up with zeros."""
    if at_once == len(batch):
        return np.asarray(call(batch), np.float32)
    answers = []
    for first in range(0, len(batch), at_once):
        part = np.zeros((at_once, *batch.shape[1:]), np.float32)
        given = batch[first : first + at_once]
        part[: len(given)] = given
        answers.append(np.asarray(call(part), np.float32)[: len(given)])
    return np.concatenate(answers)
