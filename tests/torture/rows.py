"""The attacks of `make torture` at full size: what is done, and what our receiver must keep."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from support.attacks import claims, siege, stores, upheavals
from support.attacks.canaries import TELLTALES, call_with_forging_titles, send_canaries
from support.attacks.crowd import Script
from support.attacks.fuzz import Fuzzed, fuzz_data_sets, fuzz_pdus
from support.attacks.growth import Growth, grow
from support.attacks.limits import CPU_PERCENT, Limits
from support.attacks.watch import Watch, steady, store_one
from support.datasets import nested, tiny
from support.launcher import OPTION
from support.receiver_process import PlainProcess, ServerProcess
from support.waiting import wait_until
from support.wire import Closed, associate_rq, associated, connected, new_uid

LAUNCHER = "support.launcher"
SEED = 20260102
CROWD, DRIPPING = 500, 64
STAND_SECONDS = 10.0
SOON, LATER = 15.0, 25.0
"""The defaults of dicom.acse_timeout_seconds and slow_grace_seconds, of pdu_timeout_seconds, and 5 s."""
STANDING = Limits(rss_peak_mb=100)
FULL_SPEED = Limits(cpu_percent=float("inf"), rss_peak_mb=100, rss_left_mb=32)
"""Of attacks that are work to be done rather than something that stands."""
FLAT = Limits(rss_peak_mb=16, cpu_percent=CPU_PERCENT)


_ORDINARY_ANSWERS = frozenset({"0000", "A900", "C000", "aborted", "closed"})
_PLAIN_SHARE = 20
"""The plain server gets so much less of what it would take an hour for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an attack, in words, and whether it is what must be."""

    words: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Arena:
    """A server, where to attack it, and who watches (nobody where the server itself is ended)."""

    server: ServerProcess
    port: int
    watch: Watch | None


Attack = Callable[[Arena], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table."""

    what: str
    attack: Attack
    limits: Limits = STANDING
    settle_seconds: float = 35.0
    settings: Mapping[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    watched: bool = True
    tls: bool = False


def crowd(script: Script, count: int, *, until_gone: float) -> Attack:
    """Besiege; every connection must be ended within ``until_gone`` seconds of its opening."""

    def attack(arena: Arena) -> Verdict:
        assert arena.watch is not None
        waits = 0.0 if isinstance(arena.server, PlainProcess) else until_gone
        result = siege.besiege(
            arena.watch, arena.port, script, count, stand_seconds=STAND_SECONDS, until_gone_seconds=waits
        )
        kept = result.ended == count and result.longest_seconds <= until_gone
        return Verdict(str(result), kept)

    return attack


def idle(arena: Arena) -> Verdict:
    assert arena.watch is not None
    result = siege.besiege(arena.watch, arena.port, siege.IDLE_ASSOCIATION, 200, stand_seconds=STAND_SECONDS)
    return Verdict(f"{result.accepted} accepted, {result.rejected} rejected", result.accepted <= 16)


def claiming(header: bytes, *, associated: bool) -> Attack:
    def attack(arena: Arena) -> Verdict:
        try:
            result = claims.claim(arena.port, header, 512, associated=associated)
        except Closed:
            return Verdict("not even an association", False)
        return Verdict(str(result), result.is_ended and result.swallowed_mb < 16)

    return attack


def plainly(act: Callable[[int], Any], words: str) -> Attack:
    """Do something to the port whose result says nothing; only what is watched counts."""

    def attack(arena: Arena) -> Verdict:
        act(arena.port)
        return Verdict(words, True)

    return attack


def unreadable(port: int) -> None:
    siege.unreadable_and_gone(port, 300)


def pipelined(arena: Arena) -> Verdict:
    result = stores.pipeline(arena.port, 300)
    return Verdict(str(result), result.statuses == [0x0000] * 300)


def deflated(arena: Arena) -> Verdict:
    result, status = stores.propose_deflated(arena.port, stores.bomb(512))
    taken = "refused in negotiation" if result else "accepted"
    answer = "aborted" if status is None else f"{status:04X}"
    return Verdict(f"{taken}, {answer}", result == 4 and status is None)


def aborted(arena: Arena) -> Verdict:
    def served() -> int:
        return len(arena.watch.served) if arena.watch else 0

    def left() -> int:
        """How many files there are that nobody was told of; the honest sender may have one in between."""
        return max(len(arena.server.instances() - before) - (served() - honest) - 1, 0)

    before, honest = arena.server.instances(), served()
    stores.abort_inside(arena.port, 100)
    with suppress(AssertionError):  # the last one is being cleaned up
        wait_until(lambda: left() == 0, 5)
    files = left()
    return Verdict(f"{files} files left", files == 0)


def refused(data: bytes, instance: str, wanted: int) -> Attack:
    """One C-STORE that must be answered with a status within 2 s."""

    def attack(arena: Arena) -> Verdict:
        before = {path.name for path in arena.server.folder.parent.glob("*")}
        begun = time.monotonic()
        try:
            with connected(arena.port, seconds=5) as connection:
                connection.associate()
                answer = f"{connection.store(data, instance):04X}"
        except TimeoutError:
            answer = "no answer"
        except (Closed, OSError):
            answer = "cut off"
        seconds = time.monotonic() - begun
        outside = {path.name for path in arena.server.folder.parent.glob("*")} - before
        words = f"{answer} after {seconds:.1f} s" + (", a file outside the store" if outside else "")
        return Verdict(words, answer == f"{wanted:04X}" and seconds <= 2 and not outside)

    return attack


def full_disk(arena: Arena) -> Verdict:
    result = upheavals.fill_disk(arena.server)
    return Verdict(str(result), result.status == 0xA700 and not result.left_behind and result.recovered)


def sigterm(arena: Arena) -> Verdict:
    instance = new_uid()
    result = upheavals.sigterm_in_flight(arena.server, stores.image(instance), instance)
    return Verdict(str(result), result.status in (0, 0xA700) and result.exit_status == 0 and result.seconds <= 20)


def clock(arena: Arena) -> Verdict:
    result = upheavals.step_clock(arena.server, look_seconds=3.0, deadline_seconds=40.0)
    return Verdict(str(result), result.idle_goes_on and result.silence_ends and result.stall_ends)


def descriptors(arena: Arena) -> Verdict:
    try:
        return Verdict(f"served in {store_one(arena.port):.1f} s", True)
    except (Closed, OSError, AssertionError) as error:
        return Verdict(f"not served ({type(error).__name__})", False)


def fuzzing(fuzz: Callable[[int, int, int], Fuzzed], count: int) -> Attack:
    def attack(arena: Arena) -> Verdict:
        plain = isinstance(arena.server, PlainProcess)
        fuzzed = fuzz(arena.port, count // _PLAIN_SHARE if plain else count, SEED)
        log = arena.server.log()
        faults = sum(log.count(word) for word in ("Traceback", "pynetdicom.dul at run_reactor", "failed="))
        odd = {answer: n for answer, n in fuzzed.answers.items() if answer not in _ORDINARY_ANSWERS}
        lost = 0 if plain else len(fuzzed.acknowledged - set(arena.server.data_sets()))
        words = f"{fuzzed.answers['0000']} stored, {faults} unhandled, {lost} lost" + (f", {odd}" if odd else "")
        return Verdict(words + (f", of {count // _PLAIN_SHARE}" if plain else ""), not faults and not odd and not lost)

    return attack


def growing(arena: Arena) -> Verdict:
    growth: Growth = grow(arena.server, 20_000 // (_PLAIN_SHARE if isinstance(arena.server, PlainProcess) else 1))
    return Verdict(str(growth), growth.is_flat)


def series(arena: Arena) -> Verdict:
    failed = stores.send_series(arena.port, 3000)
    rss = arena.server.vitals().rss_mb
    return Verdict(f"{3000 - len(failed)} of 3000 stored, {rss:.0f} MB in all", not failed and rss <= 300)


def canaries(arena: Arena) -> Verdict:
    said = send_canaries(arena.port)
    call_with_forging_titles(arena.port)
    steady(arena.server)
    text = arena.server.log() + arena.server.command_line() + "".join(said.comments)
    found = [telltale for telltale in TELLTALES if telltale in text]
    return Verdict(f"{len(found)} of {len(TELLTALES)} to be read", not found)


def same_uid(arena: Arena) -> Verdict:
    instance = new_uid()
    data_sets = [tiny(instance=instance, series=series) for series in ("1.2.3.5", "1.2.3.6")]
    with associated(arena.port, request=associate_rq(calling="ATTACKER")) as connection:
        statuses = [connection.store(data, instance) for data in data_sets]
    kept = arena.server.data_sets()
    both = all(any(data in one for one in kept) for data in data_sets)
    return Verdict("kept apart" if both else "one overwrites the other", both and statuses == [0, 0])


ROWS = (
    Row(what="silent TCP connections on the TLS port, 50", tls=True,
        attack=crowd(siege.SILENT, 50, until_gone=SOON)),
    Row(what="idle connections, 500", attack=crowd(siege.SILENT, CROWD, until_gone=SOON)),
    Row(what="one byte, 500", attack=crowd(siege.ONE_BYTE, CROWD, until_gone=SOON)),
    Row(what="half a header, 500", attack=crowd(siege.HALF_HEADER, CROWD, until_gone=SOON)),
    Row(what="dripping requests, 64", attack=crowd(siege.DRIPPING_REQUEST, DRIPPING, until_gone=SOON)),
    Row(what="unreadable requests, then gone, 300", attack=plainly(unreadable, "-"), settle_seconds=4),
    Row(what="dripping inside an image, 64", attack=crowd(siege.DRIPPING_STORE, DRIPPING, until_gone=SOON)),
    Row(what="senders at 5 kB/s, 64", attack=crowd(siege.SLOW_SENDER, DRIPPING, until_gone=SOON)),
    Row(what="half a PDU, 64", attack=crowd(siege.HALF_PDU, DRIPPING, until_gone=LATER)),
    Row(what="idle associations, 200", attack=idle),
    Row(what="garbage, already closed, 60", attack=plainly(lambda port: siege.garbage_and_gone(port, 60), "-")),
    Row(what="a header of 4 GiB before association", limits=FLAT,
        attack=claiming(claims.REQUEST_OF_4_GIB, associated=False)),
    Row(what="P-DATA of 700 MB", attack=claiming(claims.DATA_FAR_OVER_THE_MAXIMUM, associated=True), limits=FLAT),
    Row(what="pipelined C-STOREs, 300", attack=pipelined, limits=FULL_SPEED),
    Row(what="a deflated bomb of 512 MB", attack=deflated, limits=FLAT),
    Row(what="SOP Instance UID as a path", attack=refused(tiny(instance="../evil"), "../evil", 0xC000), limits=FLAT),
    Row(what="an empty SOP Instance UID", attack=refused(tiny(instance=""), "", 0xC000), limits=FLAT),
    Row(what="a SOP Instance UID of 65", attack=refused(tiny(instance="1" * 65), "1" * 65, 0xC000), limits=FLAT),
    Row(what="a truncated data set", limits=FLAT,
        attack=refused(stores.image("1.2.3", 20_000)[:10_001], "1.2.3", 0xC000)),
    Row(what="mismatched UIDs", attack=refused(tiny(instance="1.2.9"), "1.2.3", 0xA900), limits=FLAT),
    Row(what="one UID, two patients", attack=same_uid, watched=False),
    Row(what="nesting 50,000 deep", limits=FLAT,
        attack=refused(tiny(instance="1.2.3", more=nested(50_000)), "1.2.3", 0xC000)),
    Row(what="associations ended inside an image, 100", attack=aborted, limits=FULL_SPEED),
    Row(what="a full disk", attack=full_disk, watched=False),
    Row(what="SIGTERM in flight", attack=sigterm, watched=False),
    Row(what="wall clock +2 h, -1 h", attack=clock, watched=False, prefix=(LAUNCHER,)),
    Row(what="more than 1,024 descriptors", attack=descriptors, watched=False, prefix=(LAUNCHER, OPTION, "1100")),
    Row(what="mutated PDUs, 10,000", attack=fuzzing(fuzz_pdus, 10_000), limits=FULL_SPEED),
    Row(what="mutated data sets, 10,000", attack=fuzzing(fuzz_data_sets, 10_000), limits=FULL_SPEED),
    Row(what="associations, 20,000", attack=growing, watched=False),
    Row(what="a series of 3,000 slices", attack=series, limits=FULL_SPEED),
    Row(what="canaries in text and ids", attack=canaries, watched=False, settings={"LOGGING__LEVEL": "debug"}),
)  # fmt: skip
