"""Looks at a cluster again and again while it is tormented: who lives, what is stuck, how soon things go on."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from support.cluster.site import Cluster

LOOK_SECONDS = 0.25
_PROCESSES = "SELECT host, role, pid, seen_at FROM component"
_HELD = "SELECT id, extract(epoch FROM clock_timestamp() - lease_until) FROM job WHERE state = 'RUNNING'"
"""Negative while the lease runs."""

Process = tuple[str, str]
"""Host and role."""
Sign = tuple[int, object]
"""Process id, and when it was last heard of."""


@dataclass
class Recovery:
    """One fault, and how long it took until everything that it hit went on."""

    what: str
    host: str
    began: float
    awaited: dict[Process, Sign | None]
    """The last signs of life before, of each process that the fault hit."""
    is_death: bool
    """Whether new processes are awaited, rather than signs of life of the same."""
    ended: float | None = None

    @property
    def seconds(self) -> float | None:
        return None if self.ended is None else self.ended - self.began

    def is_over(self, signs: dict[Process, Sign]) -> bool:
        return all(self._goes_on(before, signs.get(process)) for process, before in self.awaited.items())

    def _goes_on(self, before: Sign | None, now: Sign | None) -> bool:
        if now is None or now == before or not Path(f"/proc/{now[0]}").exists():
            return False
        return not self.is_death or before is None or now[0] != before[0]


@dataclass
class Watch:
    """A thread that looks; what it saw may be read at any time."""

    cluster: Cluster
    lease_seconds: float
    signs: dict[Process, Sign] = field(default_factory=dict)
    recoveries: list[Recovery] = field(default_factory=list)
    longest_silence: float = 0.0
    """How long a job was held by somebody who no longer renewed its lease, without the time the database was away."""
    outages: list[tuple[float, float]] = field(default_factory=list)
    """When the database did not answer, by the monotonic clock."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._look(time.monotonic())
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(20)

    def await_new(self, what: str, host: str, killed: dict[str, int]) -> None:
        """A fault killed these roles of a host, each with its process id."""
        awaited: dict[Process, Sign | None] = {(host, role): (pid, None) for role, pid in killed.items()}
        self.recoveries.append(Recovery(what, host, time.monotonic(), awaited, is_death=True))

    def await_signs(self, what: str, hosts: list[str], name: str, began: float) -> None:
        """A fault that began then is over by now; every process of these hosts has to be heard of again."""
        awaited = {process: self.signs.get(process) for process in self.cluster.processes() if process[0] in hosts}
        self.recoveries.append(Recovery(what, name, began, awaited, is_death=False))

    @property
    def waiting(self) -> list[Recovery]:
        """What has not gone on yet."""
        return [one for one in self.recoveries if one.ended is None]

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            began = time.monotonic()
            try:
                self._look(began)
            except psycopg.Error:
                self.outages.append((began - LOOK_SECONDS, time.monotonic() + LOOK_SECONDS))

    def _look(self, now: float) -> None:
        rows = self.cluster.database.rows(_PROCESSES)
        self.signs = {(host, role): (pid, seen) for host, role, pid, seen in rows}
        for one in self.waiting:
            if one.is_over(self.signs):
                one.ended = now
        for _job, late in self.cluster.database.rows(_HELD):
            silence = float(late) + self.lease_seconds
            self.longest_silence = max(self.longest_silence, silence - self._away(now - silence, now))

    def _away(self, begin: float, end: float) -> float:
        """For how much of a time the database was away."""
        return sum(max(0.0, min(end, until) - max(begin, since)) for since, until in self.outages)
