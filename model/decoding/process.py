"""The worker's end of the process that decodes: start it, ask it, and end it when it does not behave."""

import os
import queue
import socket
import subprocess
import sys
import threading
import time
from typing import Final

from hounsfield.model.decoding.wire import LONGEST_ANSWER, READY, Answer, Request, read_answer, send_request
from hounsfield.model.errors import DecoderUnavailable

START_SECONDS: Final = 60.0
_FEW_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Each thread and arena takes address space, which is what the memory limit counts."""

_DIED = "the process that decodes has died, or was ended by its limits"
_NONSENSE = "the process that decodes gives no sense"


class ChildFailed(Exception):
    """The process died, hung or spoke nonsense; in words for a report."""

    def __init__(self, words: str, *, late: bool = False) -> None:
        """``late``: it was alive, but over its time."""
        super().__init__(words)
        self.late = late


class Child:
    """One process. It is asked one thing at a time, and is not used again once something went wrong in it."""

    def __init__(self, *, memory_bytes: int, threads: int) -> None:
        """Start it without waiting for it. Raises DecoderUnavailable."""
        self.served = 0
        self._greeted = False
        ours, theirs = socket.socketpair()
        self._connection = ours
        with theirs:
            command = [sys.executable, "-m", "hounsfield.model.decoding.child"]
            try:
                self._process = subprocess.Popen(
                    [*command, str(theirs.fileno()), str(memory_bytes), str(threads)],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, **_FEW_THREADS},
                )
            except OSError as error:
                ours.close()
                raise DecoderUnavailable(f"the process that decodes does not start ({error.strerror})") from None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, request: Request, file: int | None, seconds: float) -> "Answers":
        """Send a request; the answers must be complete in ``seconds``.

        Raises DecoderUnavailable where the process never came up, ChildFailed where it is gone since.
        """
        self._greet()
        self.served += 1
        try:
            send_request(self._connection, request, file)
        except OSError:
            raise ChildFailed(_DIED) from None
        return Answers(self, self._connection, len(request.sources), seconds)

    def kill(self) -> None:
        """End it and wait for its end, whatever it does; whoever waits for an answer is told."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """The same, and let go of the connection: nobody may wait for an answer any more."""
        self.kill()
        self._connection.close()

    def _greet(self) -> None:
        if self._greeted:
            return
        self._connection.settimeout(START_SECONDS)
        try:
            greeting = self._connection.recv(len(READY), socket.MSG_WAITALL)
        except OSError:
            greeting = b""
        if greeting != READY:
            raise DecoderUnavailable(
                "the process that decodes does not start; worker.decode_memory_bytes may be too little for it"
            )
        self._connection.settimeout(None)
        self._greeted = True


class Answers:
    """The answers to one request, collected by a thread, so that a slow reader costs the process no time."""

    def __init__(self, child: Child, connection: socket.socket, count: int, seconds: float) -> None:
        self._child = child
        self._connection = connection
        self._seconds = seconds
        self._arrived: queue.SimpleQueue[Answer | ChildFailed] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._collect, args=(count,), name="decoded", daemon=True)
        self._thread.start()

    def next(self) -> Answer:
        """Wait for the next answer. Raises ChildFailed; the process has ended then."""
        answer = self._arrived.get()
        if isinstance(answer, ChildFailed):
            raise answer
        return answer

    def finish(self) -> None:
        """Wait for the thread: all answers have been taken, or the process has been ended."""
        self._thread.join()

    def _collect(self, count: int) -> None:
        deadline = time.monotonic() + self._seconds
        buffer = bytearray()
        try:
            for _ in range(count):
                while b"\n" not in buffer:
                    if len(buffer) > LONGEST_ANSWER:
                        raise ChildFailed(_NONSENSE)
                    buffer += self._received(deadline)
                line, _, buffer = buffer.partition(b"\n")
                self._arrived.put(read_answer(bytes(line) + b"\n"))
        except (OSError, ValueError) as error:
            self._fail(ChildFailed(_NONSENSE if isinstance(error, ValueError) else _DIED))
        except ChildFailed as error:
            self._fail(error)

    def _fail(self, error: ChildFailed) -> None:
        self._child.kill()
        self._arrived.put(error)

    def _received(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        self._connection.settimeout(max(left, 0.001))
        try:
            part = self._connection.recv(65536)
        except TimeoutError:
            raise ChildFailed(f"decoding took longer than {self._seconds:g} s", late=True) from None
        self._connection.settimeout(None)
        if not part:
            raise ChildFailed(_DIED)
        return part
