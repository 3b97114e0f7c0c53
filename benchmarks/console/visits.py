"""What is opened: pages of a console as a browser asks for them, commands, and the way of a change to a page."""

import http.client
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fill import RARE_SCANNER
from support.daemon import Daemon
from support.waiting import wait_until

from hounsfield.daemon.console.metrics import CACHED_SECONDS
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.engine import open_database

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "jobs list": ("jobs", "list"),
    "jobs list --state DISCARDED": ("jobs", "list", "--state", "DISCARDED"),
    "jobs tail": ("jobs", "tail"),
    "jobs stats": ("jobs", "stats"),
    "series list": ("series", "list"),
}
PATIENCE_SECONDS = 60.0
_READY = re.compile(r"console ready.*?http://([\d.]+):(\d+)")
_CSRF = re.compile(r'<meta name="csrf" content="([^"]+)">')


@dataclass(frozen=True, slots=True)
class Visited:
    """A console on a filled home."""

    jobs: int
    daemon: Daemon
    host: str
    port: int

    def pages(self) -> dict[str, str]:
        """Return what is opened, by what it is called: the same questions however many jobs there are."""
        job, series = self.jobs - 99, self.jobs // 2 - 49
        return {
            "overview": "/",
            "jobs": "/jobs",
            "jobs, one scanner": "/jobs?scanner=CT01",
            "jobs, rare scanner": f"/jobs?scanner={RARE_SCANNER}",
            "jobs, failed": "/jobs?state=DISCARDED",
            "jobs, positive": "/jobs?outcome=positive",
            "jobs, a page from the middle": f"/jobs?before={self.jobs // 2}",
            "job": f"/jobs/{job}",
            "series": "/series",
            "series, held": "/series?state=HELD",
            "one series": f"/series/{series}",
            "scanners and destinations": "/sites",
            "models": "/models",
            "settings": "/settings",
            "livez": "/livez",
        }

    def seconds(self, path: str) -> float:
        """Return how long a page takes, its connection included; the answer must be a good one."""
        began = time.perf_counter()
        connection = self._connection()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        taken = time.perf_counter() - began
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{path} of {self.jobs} jobs: {answer.status}")
        return taken

    def metrics_seconds(self) -> float:
        """Return how long the metrics take that are read anew; those of the last seconds are kept."""
        time.sleep(CACHED_SECONDS)
        return self.seconds("/metrics")

    def search_seconds(self) -> float:
        """Return how long the search for one UID takes: its keyed hash is looked up."""
        connection = self._connection()
        connection.request("GET", "/jobs")
        page = connection.getresponse()
        cookie = (page.getheader("set-cookie") or "").split(";")[0]
        csrf = _CSRF.search(page.read().decode())
        assert csrf is not None
        handle = UidHasher.of_home(self.daemon.home)(f"2.25.{10**20 + self.jobs // 2 - 49}")
        headers = {"cookie": cookie, "content-type": "application/x-www-form-urlencoded"}
        began = time.perf_counter()
        connection.request("POST", "/search", f"csrf={csrf[1]}&q={handle}", headers)
        answer = connection.getresponse()
        answer.read()
        taken = time.perf_counter() - began
        connection.close()
        if answer.status != 303:
            raise SystemExit(f"search among {self.jobs} jobs: {answer.status}")
        return taken

    def command_seconds(self, arguments: tuple[str, ...]) -> float:
        """Return how long a whole command takes, the start of Python included."""
        began = time.perf_counter()
        self.daemon.command(*arguments)
        return time.perf_counter() - began

    def change_seconds(self) -> tuple[float, float]:
        """Return the seconds from a commit to the event that browsers get, and to the page that has the change."""
        connection = self._connection()
        connection.request("GET", "/live", headers={"accept": "text/event-stream"})
        stream = connection.getresponse()
        database = open_database(None, self.daemon.home)
        try:
            _next_event(stream)  # the server watches from here on
            database.control.pause(Pause(part=Part.DELIVERY, since=datetime.now(UTC), note="measured"))
            began = time.perf_counter()
            _next_event(stream)
            told = time.perf_counter() - began
            self.seconds("/")
            shown = time.perf_counter() - began
            database.control.resume(Part.DELIVERY, database.now())
            _next_event(stream)
        finally:
            database.close()
            connection.close()
        return told, shown

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_SECONDS)


@contextmanager
def visited(home: Path, jobs: int, daemon: Daemon | None = None) -> Iterator[Visited]:
    """Run the console of a filled home, or of ``daemon`` where its database is another one."""
    daemon = daemon or Daemon(home)
    daemon.log_file.unlink(missing_ok=True)  # of a run before
    with daemon.start("console"):
        found = wait_until(lambda: _READY.search(daemon.log_file.read_text()), PATIENCE_SECONDS)
        yield Visited(jobs, daemon, found[1], int(found[2]))


def _next_event(stream: http.client.HTTPResponse) -> None:
    while line := stream.readline():
        if line.startswith(b"event: changed"):
            return
    raise SystemExit("the stream of events has ended")
