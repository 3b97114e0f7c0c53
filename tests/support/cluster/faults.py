"""What goes wrong in a cluster: processes are killed, links are cut, the database is restarted."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from support.cluster.database import HOST as DATABASE
from support.cluster.site import LEASE_SECONDS, PACS, Cluster
from support.cluster.watch import Watch
from support.waiting import wait_until

SUPERVISOR = "supervisor"
BUSY_SECONDS = 15.0
_BUSY = "SELECT worker FROM job WHERE state = 'RUNNING' AND kind = 'INFER'"
SHORT_SECONDS, LONG_SECONDS = 8.0, LEASE_SECONDS + 5.0
"""How long a link is away: for a moment, or so long that others take over."""
AWAY_SECONDS = 2.0
"""How long the database stays away when it is restarted."""


@dataclass(frozen=True, slots=True)
class Kill:
    """kill -9 of a role's process, or of the supervisor with all its roles."""

    host: str
    role: str


@dataclass(frozen=True, slots=True)
class KillBusy:
    """kill -9 of the first worker that holds a job: the job has to come back by itself."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The link of a host is away for so long."""

    host: str
    seconds: float


class Outage(StrEnum):
    """What happens to the database."""

    RESTART = "PostgreSQL restarted"
    CRASH = "PostgreSQL crashed"
    FAIL_OVER = "PostgreSQL failed over"


Fault = Kill | KillBusy | Cut | Outage
Plan = Iterator[tuple[float, Fault]]
"""When each begins, in seconds after the start, in order."""


def kills(cluster: Cluster, choice: random.Random, every: float) -> Plan:
    """Any process by turns: every supervisor and every role of every host once, then again, each time shuffled."""
    everything = sorted(cluster.processes() | {(host, SUPERVISOR) for host in cluster.hosts})
    number = count(1)
    while True:
        for host, role in choice.sample(everything, len(everything)):
            yield every * next(number), Kill(host, role)


def cuts(cluster: Cluster, choice: random.Random, every: float) -> Plan:
    """Any link by turns, those of database and PACS too; the third of each three, if of a host, outlives a lease."""
    number = count(1)
    while True:
        for host in choice.sample([*cluster.hosts, DATABASE, PACS], len(cluster.hosts) + 2):
            turn = next(number)
            is_long = turn % 3 == 0 and host in cluster.hosts
            yield every * turn + every / 2, Cut(host, LONG_SECONDS if is_long else choice.uniform(2.0, SHORT_SECONDS))


def outages(every: float) -> Plan:
    """The database, restarted and crashed by turns; the third time the standby takes over, once and for all."""
    for number in count(1):
        yield every * number, Outage.FAIL_OVER if number == 3 else (Outage.CRASH, Outage.RESTART)[number % 2]


@dataclass
class Tormentor:
    """Brings faults over a cluster while it is watched."""

    cluster: Cluster
    watch: Watch
    say: Callable[[str], None]

    def torment(self, plan: Plan, seconds: float) -> None:
        """Carry out what the plan has for so long; links that are cut then are mended."""
        begun = time.monotonic()
        mends: list[tuple[float, Cut, float]] = []
        for at, fault in plan:
            while (now := time.monotonic()) < begun + min(at, seconds):
                mends = self._mend(mends, now)
                time.sleep(0.05)
            if at >= seconds:
                break
            if isinstance(fault, Cut):
                mends.append((now + fault.seconds, fault, self._cut(fault)))
            else:
                self._strike(fault)
        for _, cut, began in mends:
            self._join(cut, began)

    def _strike(self, fault: Kill | KillBusy | Outage) -> None:
        match fault:
            case Kill():
                self._kill(fault)
            case KillBusy():
                with suppress(AssertionError):  # all are done already: nobody is busy any more
                    self._kill(Kill(wait_until(self._busy, BUSY_SECONDS, 0.01), "worker"))
            case _:
                self._take_away(fault)

    def _kill(self, kill: Kill) -> None:
        host = self.cluster.hosts[kill.host]
        roles = host.roles if kill.role == SUPERVISOR else (kill.role,)
        killed = {role: pid for role in roles if (pid := host.child(role)) is not None}
        pid = host.kill(None if kill.role == SUPERVISOR else kill.role)
        if pid is None:  # it is dead already, and will come back
            return
        self.say(f"{kill.role} of {kill.host} is killed")
        self.watch.await_new(f"kill -9 {kill.role}", kill.host, killed)

    def _busy(self) -> str | None:
        """Return a host whose worker holds a job."""
        rows = self.cluster.database.rows(_BUSY)
        return next((host for (worker,) in rows for host in self.cluster.hosts if worker.startswith(f"{host}-")), None)

    def _cut(self, cut: Cut) -> float:
        self.say(f"the link of {cut.host} is cut for {cut.seconds:.1f} s")
        self.cluster.network.cut(self._linked(cut))
        return time.monotonic()

    def _linked(self, cut: Cut) -> str:
        """The host whose link it is: that of the database is that of the server in charge."""
        return self.cluster.database.server.host if cut.host == DATABASE else cut.host

    def _mend(self, mends: list[tuple[float, Cut, float]], now: float) -> list[tuple[float, Cut, float]]:
        for at, cut, began in mends:
            if at <= now:
                self._join(cut, began)
        return [one for one in mends if one[0] > now]

    def _join(self, cut: Cut, began: float) -> None:
        self.cluster.network.mend(self._linked(cut))
        hosts = list(self.cluster.hosts) if cut.host == DATABASE else [cut.host]
        if cut.host != PACS:
            self.watch.await_signs("link cut", hosts, cut.host, began)

    def _take_away(self, outage: Outage) -> None:
        self.say(outage)
        began, database = time.monotonic(), self.cluster.database
        self.cluster.network.mend(database.server.host)
        if outage is Outage.FAIL_OVER:
            database.fail_over()
        else:
            database.server.end(signal.SIGQUIT if outage is Outage.CRASH else signal.SIGINT)
            time.sleep(AWAY_SECONDS)
            database.server.start()
        self.watch.await_signs(outage, list(self.cluster.hosts), DATABASE, began)
