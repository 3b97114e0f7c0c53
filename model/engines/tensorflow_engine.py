"""TensorFlow: Keras models and SavedModels behind a ``tf.function`` of one fixed signature, never ``predict``.

So a slice's score does not depend on how many slices there are, and nothing is traced twice.
"""

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from hounsfield.model.bundle import Bundle, ModelKind
from hounsfield.model.engines.engine import PLAIN, Array, Execution, LoadedModel, Precision, Run, SequenceRun
from hounsfield.model.engines.faults import gpu_is_full, gpu_is_gone
from hounsfield.model.engines.mixed import in_mixed_precision
from hounsfield.model.errors import BundleError, DeviceLost, InferenceError, OutOfModelMemory
from hounsfield.model.networks.sequence import SERIES, SLICES
from hounsfield.model.runtime import choose_device, describe_device, tensorflow


class TensorFlowEngine:
    """The networks of a bundle as Keras models or a SavedModel."""

    def __init__(self, bundle: Bundle, device: str, gpu_memory_bytes: int | None = None) -> None:
        """Load them. Raises DeviceError and BundleError."""
        self._bundle = bundle
        self._place = choose_device(device, gpu_memory_bytes)
        self._placement: str | None = None
        self.model = _load(bundle, self._place)

    @property
    def device(self) -> str:
        """From the placement of the last output."""
        if self._placement is None:
            raise RuntimeError("no batch has run yet")
        return describe_device(self._placement)

    @property
    def candidates(self) -> tuple[Execution, ...]:
        """XLA everywhere; half precision where there are units for it, and a network that can be built anew."""
        found = [PLAIN, Execution(xla=True)]
        if "GPU" in self._place and self.model.keras is not None:
            found += [Execution(precision=Precision.MIXED_FLOAT16, xla=xla) for xla in (False, True)]
        return tuple(found)

    def prepare(self, shape: tuple[int, ...], execution: Execution) -> Run:
        """Trace once; the call that follows compiles."""
        tf = tensorflow()
        call = self._called(execution.precision)

        def pinned(batch: Any) -> Any:
            with tf.device(self._place):  # traced with the graph: it holds in whatever thread the call is made
                return call(batch)

        signature = [tf.TensorSpec(shape, tf.float32)]
        function = tf.function(pinned, input_signature=signature, jit_compile=execution.xla or None)

        def run(batch: Array) -> Array:
            with self._faults(), tf.device(self._place):
                output = function(tf.convert_to_tensor(batch))
                answers = np.asarray(output, np.float32)
            self._placement = output.device
            return answers

        return run

    def prepare_sequence(self, width: int) -> SequenceRun:
        """Trace once for series of any length."""
        tf = tensorflow()
        model = self.model.sequence
        if model is None:
            raise BundleError(f"{self._bundle.label}: has no sequence network")

        def pinned(rows: Any) -> Any:
            with tf.device(self._place):
                return sequence_answers(model, rows)

        function = tf.function(pinned, input_signature=[tf.TensorSpec((1, None, width + 1), tf.float32)])

        def run(rows: Array) -> tuple[Array, Array]:
            with self._faults(), tf.device(self._place):
                slices, series = function(tf.convert_to_tensor(rows[None]))
                return np.asarray(slices, np.float32)[0], np.asarray(series, np.float32)[0]

        return run

    def facts(self) -> dict[str, str]:
        """Name TensorFlow and Keras, and CUDA where the model lies on a GPU."""
        tf = tensorflow()
        found = {
            "engine": self._bundle.kind.value,
            "tensorflow": tf.__version__,
            "keras": importlib.metadata.version("keras"),
        }
        if "GPU" in self._place:
            build: Mapping[str, Any] = tf.sysconfig.get_build_info()
            found |= {name: str(build[f"{name}_version"]) for name in ("cuda", "cudnn") if f"{name}_version" in build}
        return found

    def _called(self, precision: Precision) -> Callable[[Any], Any]:
        if precision is Precision.FLOAT32:
            return self.model.call
        with self._faults(), tensorflow().device(self._place):
            half = in_mixed_precision(self.model.keras)
        return lambda batch: half(batch, training=False)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        errors, label = tensorflow().errors, self._bundle.label
        try:
            yield
        except errors.OpError as error:
            on_gpu = "GPU" in self._place
            if isinstance(error, errors.ResourceExhaustedError) or (on_gpu and gpu_is_full(error.message)):
                words = f"{label}: {self._place} has no memory for so many slices at once"
                raise OutOfModelMemory(words) from error
            if on_gpu and gpu_is_gone(type(error).__name__, error.message):
                raise DeviceLost(f"{label}: {self._place} is gone ({type(error).__name__})") from error
            raise InferenceError(f"{label}: the model failed while running ({error.message})") from error


def sequence_answers(model: Any, rows: Any) -> tuple[Any, Any]:
    """Return slice scores (1, m, L) and series scores (1, L) of a sequence network for rows (1, m, d + 1).

    Raises ValueError for a network whose outputs have other names.
    """
    outputs = model(rows, training=False)
    if not isinstance(outputs, Mapping):
        outputs = dict(zip(model.output_names, outputs, strict=False))
    if set(outputs) != {SLICES, SERIES}:
        raise ValueError(f"the outputs of a sequence network are named {SLICES} and {SERIES}")
    return outputs[SLICES], outputs[SERIES]


def _load(bundle: Bundle, device: str) -> LoadedModel:
    """Return the networks; TensorFlow's and Keras' many load errors become one."""
    tf = tensorflow()
    path = bundle.model_path
    try:
        with tf.device(device):
            if bundle.kind is ModelKind.SAVED_MODEL:
                return LoadedModel(_served(tf.saved_model.load(str(path))), None, None, device)
            model, sequence = _keras(path), None
            if bundle.sequence_path is not None:
                path = bundle.sequence_path
                sequence = _keras(path)
            return LoadedModel(lambda batch: model(batch, training=False), model, sequence, device)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, OSError, tf.errors.OpError) as error:
        raise BundleError(f"{bundle.label}: {path} does not load ({type(error).__name__})") from error


def _keras(path: Any) -> Any:
    import keras

    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _served(loaded: Any) -> Callable[[Any], Any]:
    """Return the default signature of a SavedModel; it must take one tensor and answer with one."""
    signature = loaded.signatures["serving_default"]
    names = list(signature.structured_input_signature[1])
    if len(names) != 1 or len(signature.structured_outputs) != 1:
        raise ValueError("serving_default must take one tensor and answer with one")

    def call(batch: Any) -> Any:
        # Through the loaded object: a signature alone does not keep its variables alive.
        (output,) = loaded.signatures["serving_default"](**{names[0]: batch}).values()
        return output

    return call
