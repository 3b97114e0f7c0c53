"""Runs a bundle's model on slices: warm, in batches of one fixed size, decoding and preprocessing beside it."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import Scores, aggregation
from hounsfield.model.bundle import Bundle, ModelKind
from hounsfield.model.errors import BundleError, InferenceError
from hounsfield.model.findings import Finding, SliceScore
from hounsfield.model.preprocess import Preprocessor
from hounsfield.model.runtime import choose_device, describe_device, tensorflow

Slice = NDArray[np.floating | np.integer]
Tensor = NDArray[np.float32]

_BEYOND_PROBABILITY = 1e-5
_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model as it was loaded, for those who look into it."""

    call: Callable[[Any], Any]
    """From a batch to its answers."""
    keras: Any | None
    """The ``keras.Model``; None for a SavedModel."""
    device: str
    """TensorFlow's name of where it lies."""


class Predictor:
    """One bundle, loaded on one device. Use it from one thread; it has its own threads for what runs beside.

    The model is called through one ``tf.function`` of a fixed batch, never through ``predict``, so that a slice's
    score does not depend on how many slices there are.
    """

    def __init__(
        self, bundle: Bundle, device: str = "auto", batch: int = 16, *, threads: int = 2, xla: bool = False
    ) -> None:
        """Load the model. ``device`` is "auto", "cpu", "gpu" or "gpu:N"; ``threads`` preprocess.

        Raises DeviceError for a device that is not there and BundleError for a model that does not load.
        """
        if batch < 1 or threads < 1:
            raise ValueError("batch and threads must be at least 1")
        self.bundle = bundle
        self._batch = batch
        self._threads = threads
        self._preprocessor = Preprocessor.from_spec(bundle.manifest.preprocessing)
        self._shape = bundle.manifest.input.shape
        self._columns = [label.index for label in bundle.manifest.output.labels]
        self.model = _load(bundle, choose_device(device))
        self._function = _compiled(self.model, (batch, *self._shape), xla)
        self._device: str | None = None

    @property
    def batch(self) -> int:
        """How many slices are scored at once."""
        return self._batch

    @property
    def first_column(self) -> int:
        """Where the score of the manifest's first label stands in the model's answer."""
        return self._columns[0]

    @property
    def device(self) -> str:
        """Where the model ran, from the placement of its output: ``/device:GPU:0 (NVIDIA H100)``. Warms up first."""
        if self._device is None:
            self.warm_up()
        return str(self._device)

    def warm_up(self) -> float:
        """Trace and run the model once on zeros; return seconds.

        Raises BundleError if preprocessing, input, model and labels of the manifest do not fit together.
        """
        started = time.perf_counter()
        self._check_preprocessing()
        try:
            output = self._function(np.zeros((self._batch, *self._shape), np.float32))
            width = output.shape[-1] if len(output.shape) == 2 else 0
        except (ValueError, TypeError, AttributeError, tensorflow().errors.OpError) as error:
            raise BundleError(
                f"{self.bundle.label}: the model does not take input.shape {list(self._shape)} or does not answer "
                f"with one tensor ({type(error).__name__})"
            ) from error
        if width <= max(self._columns):
            raise BundleError(
                f"{self.bundle.label}: the model's output has shape {list(output.shape)}, but output.labels needs "
                f"(slices, at least {max(self._columns) + 1})"
            )
        self._device = describe_device(output.device)
        return time.perf_counter() - started

    def score(self, hu_slices: Iterable[Slice], spacing_mm: Sequence[tuple[float, float]]) -> Scores:
        """Score slices: (rows, columns) HU each, with the pixel spacing (between rows, between columns) of each.

        Returns float32 (slices, labels) in [0, 1], labels in the manifest's order. The iterable is consumed a
        few batches ahead of the model, so that decoding runs beside it. Raises InferenceError for an answer that
        is not a score, ValueError if slices and spacings differ in number.
        """
        if self._device is None:
            self.warm_up()
        answers: list[Scores] = []
        with ThreadPoolExecutor(self._threads, "preprocess") as pool:
            feed = _Feed(hu_slices, spacing_mm, self._preprocessor, pool, _BATCHES_AHEAD * self._batch)
            with feed:
                for tensors in _in_batches(feed.tensors(), self._batch):
                    answers.append(self._run(tensors))
        return np.concatenate(answers) if answers else np.empty((0, len(self._columns)), np.float32)

    def score_tensors(self, tensors: Sequence[Tensor]) -> Scores:
        """Score what preprocessing has made already, at most one batch. Raises InferenceError as :meth:`score`."""
        return self._run(tensors)

    def _run(self, tensors: Sequence[Tensor]) -> Scores:
        padded = np.zeros((self._batch, *self._shape), np.float32)
        padded[: len(tensors)] = tensors
        try:
            answer = np.asarray(self._function(padded), np.float32)
        except tensorflow().errors.OpError as error:
            raise InferenceError(f"{self.bundle.label}: the model failed while running ({error.message})") from error
        output: Scores = answer[: len(tensors), self._columns]
        if not np.all((output >= -_BEYOND_PROBABILITY) & (output <= 1.0 + _BEYOND_PROBABILITY)):
            raise InferenceError(
                f"{self.bundle.label}: the model answered with numbers that are not probabilities (NaN, or outside "
                "0 to 1); its last layer must be a sigmoid or softmax"
            )
        clipped: Scores = np.clip(output, 0.0, 1.0)
        return clipped

    def _check_preprocessing(self) -> None:
        got = self._preprocessor.tensor(np.full((64, 64), -1000.0, np.float32), (1.0, 1.0)).shape
        if got != self._shape:
            raise BundleError(
                f"{self.bundle.label}: preprocessing makes tensors of shape {list(got)}, input.shape says "
                f"{list(self._shape)}"
            )


def find(bundle: Bundle, images: Sequence[tuple[str, int | None]], scores: Scores, label: int = 0) -> Finding:
    """Make the finding of one label (by its place in the manifest) from the slice scores of a series.

    ``images`` are SOP Instance UID and frame number of each slice; ``scores`` has shape (slices, labels), in their
    order. Raises ValueError for other shapes.
    """
    output = bundle.manifest.output
    if scores.shape != (len(images), len(output.labels)):
        raise ValueError(f"scores must have shape ({len(images)}, {len(output.labels)}), not {scores.shape}")
    meaning = output.labels[label]
    series = aggregation(output.aggregation)(scores)
    return Finding(
        label=meaning.name,
        concept=meaning.concept.concept,
        score=float(series[label]),
        threshold=meaning.threshold,
        slices=tuple(
            SliceScore(sop_instance_uid=uid, score=float(row[label]), frame=frame)
            for (uid, frame), row in zip(images, scores, strict=True)
        ),
        slice_threshold=meaning.slice_threshold,
        decides=meaning.decides,
    )


class _Feed:
    """Pulls slices and has them preprocessed, from a thread of its own: neither waits for the model or for each other.

    At most ``ahead`` slices are under way. Leave it by ``with``, also half way.
    """

    def __init__(
        self,
        hu_slices: Iterable[Slice],
        spacing_mm: Sequence[tuple[float, float]],
        preprocessor: Preprocessor,
        pool: ThreadPoolExecutor,
        ahead: int,
    ) -> None:
        self._coming = zip(hu_slices, spacing_mm, strict=True)
        self._preprocessor = preprocessor
        self._pool = pool
        self._under_way: queue.Queue[Future[Tensor] | BaseException | None] = queue.Queue(ahead)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._pull, name="slices", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        while self._thread.is_alive():  # it may wait for room
            with contextlib.suppress(queue.Empty):
                self._under_way.get(timeout=0.01)
        self._thread.join()

    def tensors(self) -> Iterator[Tensor]:
        """Yield the tensors in order, each as soon as it is there. Raises what the slices or a step raised."""
        while (one := self._under_way.get()) is not None:
            if isinstance(one, BaseException):
                raise one
            yield one.result()

    def _pull(self) -> None:
        try:
            for hu, spacing in self._coming:
                self._under_way.put(self._pool.submit(self._preprocessor.tensor, hu, spacing))
                if self._left.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the tensors are taken
            self._under_way.put(error)
        else:
            self._under_way.put(None)


def _in_batches(tensors: Iterator[Tensor], size: int) -> Iterator[list[Tensor]]:
    batch: list[Tensor] = []
    for tensor in tensors:
        batch.append(tensor)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _compiled(model: LoadedModel, shape: tuple[int, ...], xla: bool) -> Callable[[Tensor], Any]:
    tf = tensorflow()

    def pinned(batch: Any) -> Any:
        with tf.device(model.device):  # traced with the graph: it holds in whatever thread the call is made
            return model.call(batch)

    run = tf.function(pinned, input_signature=[tf.TensorSpec(shape, tf.float32)], jit_compile=xla or None)

    def from_host(batch: Tensor) -> Any:
        with tf.device(model.device):
            return run(tf.convert_to_tensor(batch))

    return from_host


def _load(bundle: Bundle, device: str) -> LoadedModel:
    """Return the model as a function of a batch; TensorFlow's and Keras' many load errors become one."""
    tf = tensorflow()
    try:
        with tf.device(device):
            if bundle.kind is ModelKind.KERAS:
                import keras

                model = keras.saving.load_model(bundle.model_path, compile=False, safe_mode=True)
                return LoadedModel(lambda batch: model(batch, training=False), model, device)
            return LoadedModel(_served(tf.saved_model.load(str(bundle.model_path))), None, device)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, OSError, tf.errors.OpError) as error:
        raise BundleError(f"{bundle.label}: {bundle.model_path} does not load ({type(error).__name__})") from error


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
