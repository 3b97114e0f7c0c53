"""Runs a module under hostile conditions: ``python -m support.launcher [--descriptors N] MODULE ARGUMENTS``.

SIGUSR1 steps the wall clock that Python sees (``time.time``) forward by two hours, SIGUSR2 back by one; the
monotonic clock goes on as ever. ``--descriptors`` opens so many before the module begins: its own have higher numbers.
"""

import os
import resource
import runpy
import signal
import sys
import time

FORWARD_SECONDS, BACK_SECONDS = 7200.0, -3600.0
OPTION = "--descriptors"


def _let_the_clock_step() -> None:
    real, offset = time.time, [0.0]
    time.time = lambda: real() + offset[0]
    signal.signal(signal.SIGUSR1, lambda *_: offset.__setitem__(0, FORWARD_SECONDS))
    signal.signal(signal.SIGUSR2, lambda *_: offset.__setitem__(0, BACK_SECONDS))


def _take_descriptors(count: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = count + 2048
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(hard, wanted), hard))
    for _ in range(count):
        os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == OPTION:
        _take_descriptors(int(arguments[1]))
        arguments = arguments[2:]
    _let_the_clock_step()
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
