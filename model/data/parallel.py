"""Runs tasks in several processes, in order, and survives a process that dies of what it reads."""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Final, Generic, TypeVar

from hounsfield.model.errors import DecoderUnavailable

Task = TypeVar("Task")
Answer = TypeVar("Answer")

_AHEAD: Final = 2
"""Tasks for each process that are under way: answers wait for their turn in memory."""


def in_order(
    work: Callable[[Task], Answer], tasks: Iterable[Task], processes: int, lost: Callable[[Task], Answer]
) -> Iterator[Answer]:
    """Yield ``work(task)`` of each task, in order; ``lost(task)`` where ``work`` ended its process.

    ``work`` and tasks are pickled. ``processes`` 0: here, one after the other. Raises DecoderUnavailable if no process
    starts.
    """
    if processes == 0:
        yield from map(work, tasks)
        return
    with _Pool(work, processes, lost) as pool:
        yield from pool.run(tasks)


class _Pool(Generic[Task, Answer]):
    def __init__(self, work: Callable[[Task], Answer], processes: int, lost: Callable[[Task], Answer]) -> None:
        self._work, self._processes, self._lost = work, processes, lost
        self._pool = _new_pool(processes)

    def __enter__(self) -> "_Pool[Task, Answer]":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, tasks: Iterable[Task]) -> Iterator[Answer]:
        coming = iter(tasks)
        under_way: deque[tuple[Task, Future[Answer]]] = deque()
        while True:
            while len(under_way) < _AHEAD * self._processes:
                task = next(coming, None)
                if task is None:
                    break
                under_way.append((task, self._submit(task)))
            if not under_way:
                return
            task, future = under_way.popleft()
            try:
                answer = future.result()
            except BrokenProcessPool:
                # Whose fault it was is only seen when each of them runs alone.
                waiting = [task, *(other for other, _ in under_way)]
                under_way.clear()
                self._renew()
                yield from (self._alone(one) for one in waiting)
            else:
                yield answer

    def _submit(self, task: Task) -> "Future[Answer]":
        try:
            return self._pool.submit(self._work, task)
        except BrokenProcessPool as error:
            broken: Future[Answer] = Future()
            broken.set_exception(error)
            return broken

    def _alone(self, task: Task) -> Answer:
        with _new_pool(1) as pool:
            try:
                pool.submit(_alive).result()
            except BrokenProcessPool as error:
                raise DecoderUnavailable("the processes that read images do not start") from error
            try:
                return pool.submit(self._work, task).result()
            except BrokenProcessPool:
                return self._lost(task)

    def _renew(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = _new_pool(self._processes)


def _new_pool(processes: int) -> ProcessPoolExecutor:
    # Not forked: whoever calls this may have threads of TensorFlow running.
    return ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin)


def _alive() -> None:
    """Nothing, but in the other process."""


def _begin() -> None:
    """Each process has one core, and leaves an interruption to the one that began it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)
