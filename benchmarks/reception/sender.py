"""The sender without Nagle: TCP_NODELAY, messages made beforehand, one association per thread.

Started by the benchmark as a process of its own, so that it shares no interpreter lock with anything; it talks with
the benchmark over standard input and output, one line each:

    > ready          all associations are open, each has stored one image
    < go
    > {...}          what was sent and how long each acknowledgement took; the associations are still open
    < end            (or the end of the input)
"""

import argparse
import itertools
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import wire

INSTANCE, SERIES = wire.uid(0, 1), wire.uid(0, 2)
"""The UIDs in the image file, to be patched over."""


class Association:
    """One association: opened and warmed up when it is made."""

    def __init__(self, options: argparse.Namespace, run: int, number: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", options.port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        largest = wire.associate(self._connection, options.called, "BENCH")
        self._message = wire.StoreMessage(options.image.read_bytes(), INSTANCE, SERIES, largest)
        self._message.set_series(wire.uid(run, number))
        self._uids = (wire.uid(run, 10**9 * (number + 1) + count) for count in itertools.count())
        self.largest_pdu = largest
        self.latencies: list[float] = []
        self.last = 0.0
        self._store()

    def _store(self) -> None:
        message = self._message.next(next(self._uids))
        self._connection.sendall(message)
        status = wire.read_status(self._connection)
        if status != wire.SUCCESS:
            raise wire.WireError(f"an image was answered with status {status:04X}")

    def send(self, tickets: Iterator[int], images: int, until: float) -> None:
        """Send images as long as there are tickets and time left."""
        before = time.perf_counter()
        while next(tickets) < images and before < until:
            self._store()
            now = time.perf_counter()
            self.latencies.append(now - before)
            before = self.last = now

    def end(self) -> None:
        wire.release(self._connection)
        self._connection.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--called", required=True, help="AE title of the receiver")
    parser.add_argument("--image", type=Path, required=True, help="a data set with the UIDs to patch, without preamble")
    parser.add_argument("--associations", type=int, default=1)
    parser.add_argument("--images", type=int, default=400, help="in all")
    parser.add_argument("--seconds", type=float, default=3.0, help="at most")
    return parser.parse_args()


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    options = arguments()
    run = time.time_ns() % 10**19
    with ThreadPoolExecutor(options.associations) as threads:
        opened = list(threads.map(lambda number: Association(options, run, number), range(options.associations)))
        say("ready")
        sys.stdin.readline()
        tickets = itertools.count()  # next() on it is atomic
        started, cpu = time.perf_counter(), time.process_time()
        until = started + options.seconds
        list(threads.map(lambda association: association.send(tickets, options.images, until), opened))
        result = {
            "images": sum(len(association.latencies) for association in opened),
            "seconds": max(association.last for association in opened) - started,
            "sender_cpu_seconds": time.process_time() - cpu,
            "latencies": sorted(itertools.chain.from_iterable(association.latencies for association in opened)),
            "largest_pdu": opened[0].largest_pdu,
        }
        say(json.dumps(result))
        sys.stdin.readline()
        list(threads.map(Association.end, opened))


if __name__ == "__main__":
    try:
        main()
    except (OSError, wire.WireError) as error:
        print(f"sender: {error}", file=sys.stderr, flush=True)
        os._exit(1)  # other associations may still wait for an answer
