"""The process that decodes compressed pixels: warm, limited, and expendable.

    python -m hounsfield.model.decoding.child SOCKET MEMORY_BYTES THREADS

It serves one request after the other on the inherited socket until the other side closes it.
"""

import os
import resource
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from hounsfield.model.decoding.wire import (
    READY,
    Answer,
    Decoded,
    NoSpace,
    Request,
    Source,
    answer_line,
    receive_request,
)
from hounsfield.model.errors import PixelError
from hounsfield.model.frames import FrameIndex
from hounsfield.model.pixels import pixel_digest, read_pixels
from hounsfield.model.scratch import Place, write_at


def main(arguments: list[str]) -> int:
    """Serve until the other side is gone."""
    descriptor, memory, threads = map(int, arguments)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_CORE, 0)
    with socket.socket(fileno=descriptor) as connection, ThreadPoolExecutor(threads, "decode") as pool:
        connection.sendall(READY)
        while received := receive_request(connection):
            request, file = received
            try:
                _limit(resource.RLIMIT_CPU, _cpu_seconds() + request.cpu_seconds)
                for answer in answers(request, file, pool, threads):
                    connection.sendall(answer_line(answer))
            finally:
                if file is not None:
                    os.close(file)
    return 0


def answers(request: Request, file: int | None, pool: ThreadPoolExecutor, threads: int) -> Iterator[Answer]:
    """Decode a few slices ahead; with a scratch file the first one that cannot be read is the last answer."""
    index = FrameIndex()
    jobs: Iterator[Callable[[], Answer]]
    if file is None:
        jobs = ((lambda one=one: digest(one, index)) for one in request.sources)  # type: ignore[misc]
    else:
        pairs = zip(request.sources, request.places, strict=True)
        jobs = ((lambda one=one, at=at: decoded(one, at, file, index)) for one, at in pairs)  # type: ignore[misc]
    waiting: deque[Future[Answer]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(job))
            if len(waiting) > 2 * threads:
                yield (answer := waiting.popleft().result())
                if file is not None and not isinstance(answer, Decoded):
                    return
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def decoded(source: Source, place: Place, file: int, index: FrameIndex) -> Answer:
    """Decode a slice into the scratch file."""
    try:
        pixels = read_pixels(source, index)
    except PixelError as error:
        return error
    try:
        write_at(file, place, pixels.hu)
    except OSError:
        return NoSpace()
    return Decoded(pixels.hu.dtype == np.int16, pixels.digest)


def digest(source: Source, index: FrameIndex) -> Answer:
    """Decode a slice for the digest of its stored values only."""
    try:
        return Decoded(True, pixel_digest(source, index))
    except PixelError as error:
        return error


def _cpu_seconds() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(used.ru_utime + used.ru_stime) + 1


def _limit(kind: int, value: int) -> None:
    """Set the soft limit: the one for processor time moves on with each request."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
