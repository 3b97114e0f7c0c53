"""Runs a bundle's model on slices: warm, in batches of one fixed size, decoding and preprocessing beside it."""

import copy
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from hounsfield.model.aggregation import Scores, aggregation
from hounsfield.model.bundle import Bundle
from hounsfield.model.engines import PLAIN, Engine, Execution, Run, SequenceRun, load_engine
from hounsfield.model.engines.choice import Choices, fastest
from hounsfield.model.engines.engine import LoadedModel
from hounsfield.model.errors import BundleError, InferenceError, OutOfModelMemory
from hounsfield.model.feed import Feed, Slice, Tensor, in_batches, with_neighbours
from hounsfield.model.golden import read_golden
from hounsfield.model.interleave import put_back, sequences_of
from hounsfield.model.preprocess import Preprocessor
from hounsfield.model.series_scores import InSequence, SeriesScores

_BEYOND_PROBABILITY = 1e-5
_BATCHES_AHEAD = 2
_THREADS = 2
"""That preprocess."""


class Predictor:
    """One bundle, loaded on one device. Use it from one thread; it has its own threads for what runs beside.

    The model is called with a fixed batch, so that a slice's score does not depend on how many slices there are.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: str = "auto",
        batch: int = 16,
        *,
        ways: Sequence[Execution] = (PLAIN,),
        choices: Path | None = None,
        gpu_memory_bytes: int | None = None,
    ) -> None:
        """Load the model. ``device`` is "auto", "cpu", "gpu" or "gpu:N".

        ``ways`` are the ways to run that are allowed, as far as the device has them. The first one is taken, or with
        ``choices``, a file, the fastest: the warm-up measures it, or finds it in that file.
        ``gpu_memory_bytes`` caps the memory taken of a GPU. Raises DeviceError for a device that is not there and
        BundleError for a model that does not load.
        """
        if batch < 1:
            raise ValueError("batch must be at least 1")
        self.bundle = bundle
        self._batch = batch
        self._choices = None if choices is None else Choices(choices)
        self._preprocessor = Preprocessor.from_spec(bundle.manifest.preprocessing)
        self._shape = bundle.manifest.input.shape
        self._columns = [label.index for label in bundle.manifest.output.labels]
        self.engine: Engine = load_engine(bundle, device, gpu_memory_bytes)
        self._ways = [one for one in ways if one in self.engine.candidates] or [PLAIN]
        self.execution = self._ways[0]
        self._raw: Run | None = None
        self._width = 0
        self._sequence: SequenceRun | None = None

    def with_batch(self, batch: int) -> Self:
        """Return a predictor that scores so many slices at once, with the networks that this one has loaded.

        It is not warm. A device without memory for a large batch may have it for a smaller one.
        """
        if batch < 1:
            raise ValueError("batch must be at least 1")
        other = copy.copy(self)
        other._batch, other._raw, other._choices = batch, None, None
        return other

    @property
    def batch(self) -> int:
        """How many slices are scored at once."""
        return self._batch

    @property
    def first_column(self) -> int:
        """Where the score of the manifest's first label stands in the model's answer."""
        return self._columns[0]

    @property
    def model(self) -> LoadedModel | None:
        """The networks, for those who look into them; None where nobody can."""
        return self.engine.model

    @property
    def device(self) -> str:
        """Where the model ran, from the placement of its output: ``/device:GPU:0 (NVIDIA H100)``. Warms up first."""
        self._warm()
        return self.engine.device

    def runtime_facts(self) -> dict[str, str]:
        """What scores were made with: device, engine, versions of its libraries, precision, XLA and batch."""
        return {
            "device": self.device,
            **self.engine.facts(),
            "precision": self.execution.precision.value,
            "xla": "yes" if self.execution.xla else "no",
            "batch": str(self._batch),
        }

    def warm_up(self) -> float:
        """Choose how to run, trace and run the model once on zeros; return seconds.

        Raises BundleError if preprocessing, input, model and labels of the manifest do not fit together, and
        OutOfModelMemory and DeviceLost as :meth:`analyse`.
        """
        started = time.perf_counter()
        self._check_preprocessing()
        run, width = self._started(self.execution)
        if self.bundle.manifest.sequence is not None:
            self._sequence = self._sequence or self._second(width)
        elif width <= max(self._columns):
            raise BundleError(
                f"{self.bundle.label}: the model's output has shape {[self._batch, width]}, but output.labels needs "
                f"(slices, at least {max(self._columns) + 1})"
            )
        self._raw, self._width = run, width
        if self._choices is not None and len(self._ways) > 1:
            self._choose(self._choices, run)
        return time.perf_counter() - started

    def analyse(
        self, hu_slices: Iterable[Slice], spacing_mm: Sequence[tuple[float, float]], steps_mm: Sequence[float]
    ) -> SeriesScores:
        """Score a series: n slices (rows, columns) HU in volume order, with the pixel spacing of each (between rows,
        between columns) and the n - 1 distances along the normal.

        The iterable is consumed a few batches ahead of the model, so that decoding runs beside it. Raises
        InferenceError for an answer that is not a score, OutOfModelMemory (fewer slices at once may do, see
        :meth:`with_batch`), DeviceLost, and ValueError if slices, spacings and steps differ in number or are none.
        """
        if len(steps_mm) != len(spacing_mm) - 1:
            raise ValueError(f"{len(spacing_mm)} slices have {len(spacing_mm) - 1} steps, not {len(steps_mm)}")
        self._warm()
        with (
            ThreadPoolExecutor(_THREADS, "preprocess") as pool,
            self._feed(hu_slices, spacing_mm, pool) as feed,
        ):
            return self.analyse_tensors(feed.tensors(), steps_mm)

    def analyse_tensors(self, tensors: Iterable[Tensor], steps_mm: Sequence[float]) -> SeriesScores:
        """Score a series of which preprocessing has made tensors already, without neighbours in their channels."""
        self._warm()
        output = self.bundle.manifest.output
        blank: list[bool] = []
        answers = list(self._answers(_noting_blank(tensors, blank)))
        if not answers:
            raise ValueError("a series has at least one slice")
        together = np.concatenate(answers)
        if self._sequence is None:
            scores = SeriesScores(slices=together, series=aggregation(output.aggregation)(together))
        else:
            scores = self._read(self._sequence, together, steps_mm)
        return replace(scores, blank=tuple(blank))

    def score_tensors(self, tensors: Sequence[Tensor], among: InSequence | None = None) -> Scores:
        """Score at most one batch of tensors as the model takes them, neighbours included.

        With ``among`` each stands in the place of that slice of a series. Raises as :meth:`analyse`.
        """
        self._warm()
        answers = self._run(tensors)
        if among is None or self._sequence is None:
            return answers
        read = [self._sequence(among.with_vector(vector))[0][among.place] for vector in answers]
        return self._scores(np.stack(read)[:, self._columns])

    def blank_series(self, slices: int) -> InSequence | None:
        """Return the middle of a series of zeros, to try on; None for a bundle without a sequence network."""
        self._warm()
        if self._sequence is None:
            return None
        return InSequence(np.zeros((slices, self._width + 1), np.float32), slices // 2)

    def _warm(self) -> None:
        if self._raw is None:
            self.warm_up()

    def _feed(self, slices: Iterable[Slice], spacing: Sequence[tuple[float, float]], pool: ThreadPoolExecutor) -> Feed:
        return Feed(slices, spacing, self._preprocessor, pool, _BATCHES_AHEAD * self._batch)

    def _answers(self, tensors: Iterable[Tensor]) -> Iterator[Tensor]:
        seen = with_neighbours(tensors, self.bundle.manifest.input.neighbours)
        return (self._run(batch) for batch in in_batches(seen, self._batch))

    def _run(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return scores of slices, or their vectors where a second network makes scores of them."""
        if self._raw is None:
            raise AssertionError("not warm")
        padded = np.empty((self._batch, *self._shape), np.float32)
        for place, tensor in enumerate(tensors):
            padded[place] = tensor
        padded[len(tensors) :] = 0.0
        answers = self._raw(padded)[: len(tensors)]
        if self._sequence is None:
            return self._scores(answers[:, self._columns])
        if not np.all(np.isfinite(answers)):
            raise InferenceError(f"{self.bundle.label}: the model answered with numbers that are not finite (NaN)")
        return answers

    def _read(self, second: SequenceRun, vectors: Tensor, steps_mm: Sequence[float]) -> SeriesScores:
        """Have the second network read the series, a fine one as several coarser ones."""
        sequence = self.bundle.manifest.sequence
        smallest = sequence.step_mm[0] if sequence else 0.0
        rows = sequences_of(vectors, steps_mm, smallest)
        slices, series = zip(*(second(one) for one in rows), strict=True)
        of_slices, of_series = put_back(slices), np.stack(series).mean(axis=0, dtype=np.float64, keepdims=True)
        return SeriesScores(
            slices=self._scores(of_slices[:, self._columns]),
            series=self._scores(of_series.astype(np.float32)[:, self._columns])[0],
            sequences=rows,
        )

    def _scores(self, output: Scores) -> Scores:
        if not np.all((output >= -_BEYOND_PROBABILITY) & (output <= 1.0 + _BEYOND_PROBABILITY)):
            raise InferenceError(
                f"{self.bundle.label}: the model answered with numbers that are not probabilities (NaN, or outside "
                "0 to 1); its last layer must be a sigmoid or softmax"
            )
        clipped: Scores = np.clip(output, 0.0, 1.0)
        return clipped

    def _started(self, execution: Execution) -> tuple[Run, int]:
        """Prepare a way to run, run it once on zeros and return how wide its answer is."""
        shape = (self._batch, *self._shape)
        words = f"{self.bundle.label}: the model does not take input.shape {list(self._shape)} or does not answer"
        with _unfit(f"{words} with one tensor"):
            run = self.engine.prepare(shape, execution)
            answers = run(np.zeros(shape, np.float32))
        if answers.ndim != 2 or len(answers) != self._batch:
            raise BundleError(f"{words} with (slices, scores): its output has shape {list(answers.shape)}")
        return run, answers.shape[1]

    def _second(self, width: int) -> SequenceRun:
        needed = max(self._columns) + 1
        with _unfit(f"{self.bundle.label}: the sequence network does not take vectors of {width} numbers and a step"):
            run = self.engine.prepare_sequence(width)
            slices, series = run(np.zeros((2, width + 1), np.float32))
        if slices.ndim != 2 or len(slices) != 2 or series.ndim != 1 or min(slices.shape[1], len(series)) < needed:
            raise BundleError(
                f"{self.bundle.label}: the sequence network answers with {list(slices.shape)} for two slices and "
                f"{list(series.shape)} for the series, but output.labels needs at least {needed} scores of each"
            )
        return run

    def _choose(self, choices: Choices, plain: Run) -> None:
        """Take the fastest way to run that gives the golden scores: as remembered, or measured now."""
        facts = self.engine.facts()
        key = (self.bundle.sha256, self.engine.device, *(f"{name} {facts[name]}" for name in sorted(facts)))
        key = (*key, f"batch {self._batch}")
        known = choices.recall(key, self._ways)
        if known is not None:
            runs = {known: self._agreeing(known)} if known != self.execution else {}
        else:
            runs = {one: self._agreeing(one) for one in self._ways if one != self.execution}
        agreeing = {self.execution: plain} | {one: run for one, run in runs.items() if run is not None}
        chosen = known if known in agreeing else None
        if chosen is None:
            zeros = np.zeros((self._batch, *self._shape), np.float32)
            chosen, seconds = fastest({one: partial(run, zeros) for one, run in agreeing.items()})
            choices.remember(key, chosen, seconds)
        self.execution, self._raw = chosen, agreeing[chosen]

    def _agreeing(self, execution: Execution) -> Run | None:
        """Return a way to run if it gives the golden scores, None if it does not, or does not run at all."""
        kept = self._raw
        try:
            golden = read_golden(self.bundle)
            self._raw, _ = self._started(execution)
            scores = self.analyse(golden.hu, golden.spacings, golden.steps_mm)
            within = golden.difference(scores) <= self.bundle.manifest.golden.tolerance
            return self._raw if within else None
        except (BundleError, InferenceError):
            return None
        finally:
            self._raw = kept

    def _check_preprocessing(self) -> None:
        try:
            shape = self.bundle.manifest.input.of(self._preprocessor.shape())
        except ValueError as error:
            raise BundleError(f"{self.bundle.label}: preprocessing: {error}") from error
        if shape != self._shape:
            raise BundleError(
                f"{self.bundle.label}: preprocessing makes tensors of shape {list(shape)}, input.shape says "
                f"{list(self._shape)}"
            )


def _noting_blank(tensors: Iterable[Tensor], blank: list[bool]) -> Iterator[Tensor]:
    """Yield the tensors, and note of each whether it is nothing but zeros."""
    for tensor in tensors:
        blank.append(not tensor.any())
        yield tensor


@contextmanager
def _unfit(words: str) -> Iterator[None]:
    """Make one error of what a model that does not fit its manifest makes an engine raise."""
    try:
        yield
    except OutOfModelMemory:
        raise
    except (ValueError, TypeError, AttributeError, InferenceError) as error:
        raise BundleError(f"{words} ({type(error).__name__})") from error
