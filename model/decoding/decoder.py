"""Reads the slices of a series: compressed ones in a process that may die of them, native ones of a short series here.

Native pixels are harmless, but a long series of them goes to the other process too: here its reading and the model's
preprocessing would wait for each other's turn in the interpreter.
"""

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

import numpy as np

from hounsfield.model.decoding.process import Answers, Child, ChildFailed
from hounsfield.model.decoding.wire import Answer, Decoded, NoSpace, Request, Source
from hounsfield.model.errors import DecoderUnavailable, PixelError, ScratchError
from hounsfield.model.findings import Rejection
from hounsfield.model.frames import PixelSource
from hounsfield.model.pixels import pixel_digest, read_pixels
from hounsfield.model.scratch import Scratch

SLICES_PER_LIMIT: Final = 600
"""Up to so many slices the limit of time is for all of them; more get as much more."""
SHORT_SERIES: Final = 64
"""Native slices that are read in this process: over before the model has begun in earnest."""


class Decoder:
    """Owns the process that decodes: warm, and replaced after anything went wrong in it. One series at a time."""

    def __init__(self, *, seconds: float, memory_bytes: int, threads: int | None = None) -> None:
        """``seconds`` is the limit for a series of up to 600 slices; ``threads`` decode, by default one a core."""
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self.threads = threads or min(8, len(os.sched_getaffinity(0)))
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process if there is none; it warms up by itself. Raises DecoderUnavailable."""
        if self._child is None:
            self._child = Child(memory_bytes=self._memory_bytes, threads=self.threads)

    def ask(self, request: Request, file: int | None, seconds: float) -> Answers:
        """Have the process begin with a request; a new one if it has died since the last. Raises DecoderUnavailable."""
        for last in (False, True):
            child = self._child or Child(memory_bytes=self._memory_bytes, threads=self.threads)
            self._child = child
            try:
                return child.ask(request, file, seconds)
            except (ChildFailed, DecoderUnavailable) as error:
                self.close()
                if last or isinstance(error, DecoderUnavailable):
                    raise DecoderUnavailable(str(error)) from None
        raise AssertionError("unreachable")

    @property
    def used(self) -> bool:
        """Whether the process has served more than one request."""
        return self._child is not None and self._child.served > 1

    def kill(self) -> None:
        """End the process; whoever waits for an answer of it is told."""
        if self._child is not None:
            self._child.kill()

    def close(self) -> None:
        """End the process and let go of it. The next series gets a new one."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def decode(self, sources: Sequence[PixelSource], scratch: Scratch) -> "Decoding":
        """Begin to read ``sources``, in their order, into ``scratch``. Raises DecoderUnavailable."""
        return Decoding(self, sources, scratch)

    def digests(self, sources: Sequence[PixelSource]) -> list[str | None]:
        """Return the pixel digest of each; None where the pixels cannot be read. Raises DecoderUnavailable."""
        found: list[str | None] = []
        with Decoding(self, sources, None) as decoding, contextlib.suppress(PixelError):
            for answer in decoding.answers():
                found.append(answer.digest if isinstance(answer, Decoded) else None)
        return found + [None] * (len(sources) - len(found))  # those after one that ended the process

    def limit(self, slices: int) -> float:
        """Return the longest time that a series of so many slices may take to decode, seconds."""
        return self._seconds * max(1.0, slices / SLICES_PER_LIMIT)


class Decoding:
    """A series that is being read. Iterate to get it slice by slice; leave it before its end to stop it."""

    def __init__(self, decoder: Decoder, sources: Sequence[PixelSource], scratch: Scratch | None) -> None:
        self._decoder = decoder
        self._sources = sources
        self._scratch = scratch
        self._is_ours = [source.native and len(sources) <= SHORT_SERIES for source in sources]
        self._theirs = [number for number, ours in enumerate(self._is_ours) if not ours]
        self._asked: Answers | None = None
        self._taken = 0
        self._refused = False
        self._pool = ThreadPoolExecutor(decoder.threads, "native")
        self._ours = deque(self._pool.submit(self._reading(k)) for k, ours in enumerate(self._is_ours) if ours)
        if self._theirs:
            self._ask()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Decoded]:
        """Yield each slice as it is ready, in order.

        Raises:
            PixelError: the first slice that cannot be read, or why the process that decodes had to be ended.
            ScratchError, DecoderUnavailable: no fault of the series.
        """
        try:
            for answer in self.answers():
                if isinstance(answer, PixelError):
                    raise answer
                if isinstance(answer, NoSpace):
                    raise ScratchError("no space is left for the slices of a series")
                yield answer
        except (PixelError, ScratchError, DecoderUnavailable):
            self.close()  # at once: the decoder may be asked something else before whoever reads this lets go
            raise

    def answers(self) -> Iterator[Answer]:
        """Yield what became of each slice, in order."""
        for is_ours in self._is_ours:
            if is_ours:
                answer = self._ours.popleft().result()
            else:
                answer = self._next()
                self._count(answer)
                self._taken += 1
            yield answer

    def close(self) -> None:
        """Stop what is still running. The process is not used again unless all went well."""
        for future in self._ours:
            future.cancel()
        self._pool.shutdown(wait=True)
        if self._asked is not None:
            if self._refused or self._taken < len(self._theirs):
                self._stop()
            else:
                self._asked.finish()
            self._asked = None

    def _reading(self, number: int) -> Callable[[], Answer]:
        source, scratch = self._sources[number], self._scratch

        def read() -> Answer:
            try:
                if scratch is None:
                    return Decoded(True, pixel_digest(source))
                pixels = read_pixels(source)
                scratch.write(number, pixels.hu)
                return Decoded(pixels.hu.dtype == np.int16, pixels.digest)
            except PixelError as error:
                return error

        return read

    def _ask(self) -> None:
        left = self._theirs[self._taken :]
        seconds = self._decoder.limit(len(left))
        request = Request(
            sources=tuple(Source.of(self._sources[number]) for number in left),
            places=() if self._scratch is None else tuple(self._scratch.places[number] for number in left),
            cpu_seconds=int(seconds * self._decoder.threads) + 1,
        )
        file = None if self._scratch is None else self._scratch.file
        try:
            self._asked = self._decoder.ask(request, file, seconds)
        except BaseException:
            self.close()
            raise

    def _next(self) -> Answer:
        if self._asked is None:
            raise RuntimeError("a decoding that was closed is not to be read")
        try:
            return self._asked.next()
        except ChildFailed as error:
            # What it did before may have harmed it; only a fresh one shows that this series is to blame.
            once_more = self._decoder.used and not error.late
            self._stop()
            if not once_more:
                raise PixelError(Rejection.UNREADABLE_PIXELS, str(error)) from None
        self._ask()
        return self._next()

    def _count(self, answer: Answer) -> None:
        if not isinstance(answer, Decoded):
            self._refused = True
        elif self._scratch is not None:
            _, rows, columns = self._scratch.places[self._theirs[self._taken]]
            self._scratch.count(rows * columns * (2 if answer.whole else 4))

    def _stop(self) -> None:
        self._decoder.kill()
        if self._asked is not None:
            self._asked.finish()
            self._asked = None
        self._decoder.close()
