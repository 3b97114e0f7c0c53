"""Mutated PDUs and data sets through sockets, several connections at once."""

import socket
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from pydicom.uid import ExplicitVRLittleEndian
from support.attacks.mutation import SYNTAXES, Mutator, elements_of, mutated_data_sets, rich_slice, sent_data_sets
from support.pdu_wire import command_of
from support.wire import (
    ABORT,
    ASSOCIATE_AC,
    ATTACKER,
    COMMAND,
    CT,
    LAST,
    P_DATA,
    VERIFICATION,
    Closed,
    Connection,
    Proposal,
    abort,
    associate_rq,
    connected,
    p_data,
    release_rq,
    status_of,
    store_pdus,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

_AT_ONCE = 4
_PER_ASSOCIATION = 50
_PATIENCE_SECONDS = 10.0
_REQUEST = associate_rq(
    *(Proposal(CT, (syntax,)) for syntax in SYNTAXES), Proposal(VERIFICATION), calling="FUZZER", max_pdu=16384
)
_ECHO_CONTEXT = 7


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What was sent and how it was answered."""

    acknowledged: set[bytes] = field(default_factory=set)
    """Data sets that were answered with success."""
    sent: set[bytes] = field(default_factory=set)
    """Data sets that went out as a whole, whatever became of them."""
    answers: Counter[str] = field(default_factory=Counter)
    """How often which status came, or how a conversation ended."""

    def __add__(self, other: "Fuzzed") -> "Fuzzed":
        return Fuzzed(self.acknowledged | other.acknowledged, self.sent | other.sent, self.answers + other.answers)


def _all_of(work: Callable[[Item], Fuzzed], items: Iterable[Item]) -> Fuzzed:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return sum(pool.map(work, items), Fuzzed())


def fuzz_pdus(port: int, count: int, seed: int) -> Fuzzed:
    """Hold ``count`` conversations, each with one PDU mutated, missing, repeated or out of order."""
    mutator = Mutator(seed)
    image = rich_slice()
    data = b"".join(elements_of(image, ExplicitVRLittleEndian))
    conversations = [_conversation(mutator, data, str(image.SOPInstanceUID)) for _ in range(count)]
    return _all_of(lambda conversation: _converse(port, *conversation), conversations)


def _conversation(mutator: Mutator, data: bytes, instance: str) -> tuple[bytes, bytes]:
    """Return a request, and what is sent when it has been answered."""
    pdus = [
        *store_pdus(data, instance, fragment=400),
        p_data(_ECHO_CONTEXT, COMMAND | LAST, command_of(0x0030, 9)),
        *store_pdus(data, instance, message_id=2, fragment=1000),
        mutator.chance.choice((release_rq(), abort())),
    ]
    if mutator.chance.random() < 0.3:
        return mutator.of_bytes(_REQUEST), b"".join(pdus)
    return _REQUEST, b"".join(mutator.of_list(pdus))


def _converse(port: int, request: bytes, rest: bytes) -> Fuzzed:
    answers: Counter[str] = Counter()
    with connected(port, ATTACKER, seconds=_PATIENCE_SECONDS) as connection:
        try:
            connection.send(request)
            if request != _REQUEST:
                # With nothing more to come, a request that was cut has no reason to wait for its deadline.
                connection.socket.shutdown(socket.SHUT_WR)
            elif connection.receive()[0] == ASSOCIATE_AC:
                connection.send(rest)
                connection.socket.shutdown(socket.SHUT_WR)
            _listen(connection, answers)
        except TimeoutError:
            answers["left open"] += 1
        except (Closed, OSError):
            answers["closed"] += 1
    return Fuzzed(sent=sent_data_sets(rest), answers=answers)


def _listen(connection: Connection, answers: Counter[str]) -> None:
    while True:
        kind, body = connection.receive()
        if kind == P_DATA:
            answers[f"{status_of(body):04X}"] += 1
        elif kind == ABORT:
            answers["aborted"] += 1
            return


def fuzz_data_sets(port: int, count: int, seed: int) -> Fuzzed:
    """Send ``count`` mutated data sets over whole associations, each by a C-STORE that is right otherwise."""
    data_sets = list(mutated_data_sets(seed, count))
    portions = [data_sets[at : at + _PER_ASSOCIATION] for at in range(0, count, _PER_ASSOCIATION)]
    return _all_of(lambda portion: _store_all(port, portion), portions)


def _store_all(port: int, portion: list[tuple[str, bytes]]) -> Fuzzed:
    fuzzed = Fuzzed()
    instance = str(rich_slice().SOPInstanceUID)
    with connected(port, ATTACKER, seconds=_PATIENCE_SECONDS) as connection:
        connection.associate(_REQUEST)
        for number, (syntax, data) in enumerate(portion):
            context = 2 * SYNTAXES.index(syntax) + 1
            fuzzed.sent.add(data)
            try:
                status = connection.store(data, instance, context_id=context, message_id=number, fragment=4000)
            except (Closed, OSError) as error:
                fuzzed.answers[type(error).__name__] += 1
                break
            fuzzed.answers[f"{status:04X}"] += 1
            if status == 0x0000:
                fuzzed.acknowledged.add(data)
        with suppress(Closed, OSError):
            connection.release()
    return fuzzed
