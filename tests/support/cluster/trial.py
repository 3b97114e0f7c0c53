"""One trial: scanners send, faults come, everything settles, and what is left is compared."""

import heapq
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from support.cluster.audit import Audit, audit, is_settled
from support.cluster.faults import Cut, Kill, KillBusy, Outage, Plan, Tormentor, cuts, kills, outages
from support.cluster.material import Supply
from support.cluster.senders import Ledger, Scanners
from support.cluster.site import LEASE_SECONDS, Cluster
from support.cluster.watch import Recovery, Watch
from support.waiting import wait_until

SETTLE_SECONDS = 180.0
_RECEIVED = (
    "SELECT split_part(a.receiver, '-', 1) || '-' || split_part(a.receiver, '-', 2), count(*) "
    "FROM instance i JOIN association a ON a.id = i.association_id GROUP BY 1"
)
_DONE = (
    "SELECT split_part(worker, '-', 1) || '-' || split_part(worker, '-', 2), count(*) "
    "FROM event WHERE to_state = 'COMPLETED' AND kind IN ('INFER', 'DELIVER') GROUP BY 1"
)


@dataclass(frozen=True, slots=True)
class HostCounts:
    """What one host did."""

    processes: int
    images: int
    jobs: int
    """Analyses and deliveries that it completed."""
    restarts: int
    """Starts of its processes after the first of each."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a trial."""

    found: Audit
    ledger: Ledger
    hosts: dict[str, HostCounts]
    recoveries: list[Recovery]
    longest_silence: float
    lease_seconds: float
    settle_seconds: float
    exits: dict[str, int]

    @property
    def failures(self) -> list[str]:
        """One sentence for each thing that must not be; none where all was kept."""
        found, late = self.found, [one.what for one in self.recoveries if one.ended is None]
        said = {
            f"{len(found.lost)} acknowledged images are lost": found.lost,
            f"{len(found.without_result)} series have no result in the PACS": found.without_result,
            f"{len(found.with_several)} series have several results": found.with_several,
            f"{len(found.changed)} result objects differ from what was written first": found.changed,
            f"{len(found.foreign)} objects in the PACS belong to no result": found.foreign,
            f"{found.unfinished} jobs are not finished": found.unfinished,
            f"a job was stuck for {self.longest_silence:.0f} s": self.longest_silence > 2 * self.lease_seconds,
            f"things did not go on after: {', '.join(late)}": late,
            f"exit statuses: {self.exits}": any(self.exits.values()),
        }
        return [sentence for sentence, is_wrong in said.items() if is_wrong]


@dataclass
class Trial:
    """How long, how much, and in which order."""

    cluster: Cluster
    choice: random.Random
    say: Callable[[str], None]
    series: int | None = None
    pause_seconds: float = 0.0
    lease_seconds: float = LEASE_SECONDS

    def run(self, plan: Plan, seconds: float) -> Report:
        """Send while faults come for so long; then wait until everything has settled, and compare."""
        watch = Watch(self.cluster, self.lease_seconds)
        watch.start()
        supply = Supply(_made(self.cluster.folder / "scanners"), self.choice)
        scanners = Scanners(
            supply, self.cluster.receivers, self.choice, series=self.series, pause_seconds=self.pause_seconds
        )
        try:
            Tormentor(self.cluster, watch, self.say).torment(plan, seconds)
            if self.series is None:
                scanners.stop()
            settled = self._settle(scanners, watch)
        finally:
            scanners.stop()
            watch.stop()
        hosts = self._counts()
        exits = self.cluster.stop()
        found = audit(self.cluster, scanners.ledger)
        return Report(
            found=found,
            ledger=scanners.ledger,
            hosts=hosts,
            recoveries=watch.recoveries,
            longest_silence=watch.longest_silence,
            lease_seconds=self.lease_seconds,
            settle_seconds=settled,
            exits=exits,
        )

    def _settle(self, scanners: Scanners, watch: Watch) -> float:
        """Wait until nothing is left to do; return how long that took. What is left then is for the audit to say."""
        began = time.monotonic()
        with suppress(AssertionError):
            wait_until(lambda: not scanners.are_sending, SETTLE_SECONDS, 0.2)
            self.say("everything is sent")
            wait_until(lambda: self._is_settled(scanners.ledger) and not watch.waiting, SETTLE_SECONDS, 0.5)
        return time.monotonic() - began

    def _is_settled(self, ledger: Ledger) -> bool:
        try:
            return is_settled(self.cluster, ledger)
        except psycopg.Error:
            return False

    def _counts(self) -> dict[str, HostCounts]:
        rows = self.cluster.database.rows
        received, done = dict(rows(_RECEIVED)), dict(rows(_DONE))
        starts = {host: int(number) for host, number in rows("SELECT host, sum(starts) FROM component GROUP BY 1")}
        return {
            name: HostCounts(
                processes=1 + len(host.roles),
                images=received.get(name, 0),
                jobs=done.get(name, 0),
                restarts=starts.get(name, 0) - len(host.roles),
            )
            for name, host in self.cluster.hosts.items()
        }


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def random_faults(cluster: Cluster, choice: random.Random, *, kill: float, cut: float, outage: float) -> Plan:
    """Everything by turns: a process killed, a link cut, the database gone, each every so many seconds."""
    plans = (kills(cluster, choice, kill), cuts(cluster, choice, cut), outages(outage))
    return heapq.merge(*plans, key=lambda one: one[0])


def short_faults() -> Plan:
    """One of each kind, in half a minute."""
    yield 1.0, Kill("receiver-1", "receiver")
    yield 5.0, KillBusy()
    yield 10.0, Cut("receiver-2", 3.0)
    yield 14.0, Kill("receiver-2", "supervisor")
    yield 17.0, Outage.RESTART
    yield 22.0, Kill("worker-2", "courier")
    yield 24.0, Kill("receiver-1", "assembler")
    yield 26.0, Outage.FAIL_OVER
