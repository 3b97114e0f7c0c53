"""Every attack on reception at full size, on a plain pynetdicom server and on ours, one after the other.

``python -m torture.network [--minutes M] [--only WORDS] [--without-plain]`` prints a line for each attack as it ends,
and a table in the end. The exit status is 1 when ours did not keep what it must.
"""

import argparse
import shutil
import ssl
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from support.attacks.limits import shortcomings
from support.attacks.watch import Observed, Watch, observe, warm_up
from support.peers import free_port
from support.receiver_process import PlainProcess, ReceiverProcess, ServerProcess, running
from support.tls import some_server
from support.wire import Closed
from torture.rows import ROWS, Arena, Row, Verdict

_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Side:
    """What an attack did to one of the servers."""

    words: str
    seen: Observed | None
    missed: tuple[str, ...]
    """What was not kept, in words; nothing if all was."""

    def cells(self) -> tuple[str, str, str, str]:
        if self.seen is None:
            return "", "", "", self.words
        seen = self.seen
        served = (
            f"{seen.slowest:.1f} s" if seen.is_served else f"no ({seen.failed} of {seen.failed + len(seen.served)})"
        )
        left = "" if seen.threads_left <= 0 else f", {seen.threads_left} threads left"
        cpu = f"{seen.cpu_percent:.0f}" if seen.cpu_percent else ""
        return served, cpu, f"{seen.rss_peak_mb:+.0f}", self.words + left


def attack(row: Row, server: ServerProcess, port: int, tls: ssl.SSLContext | None) -> Side:
    """Attack a server that is running."""
    if not (row.tls and isinstance(server, PlainProcess)):
        with suppress(Closed, OSError, AssertionError):  # where it cannot even serve, the attack will tell
            warm_up(server)
    seen = None
    if row.watched:

        def watched(watch: Watch) -> Verdict:
            return _result(row, Arena(server, port, watch))

        verdict, seen = observe(server, watched, port=port, tls=tls, settle_seconds=_patience(row, server))
        missed = shortcomings(seen, row.limits)
    else:
        verdict = _result(row, Arena(server, port, None))
        missed = []
    if not verdict.kept:
        missed = [*missed, verdict.words]
    return Side(verdict.words, seen, tuple(missed))


def _result(row: Row, arena: Arena) -> Verdict:
    """A server that breaks in the middle of an attack must not end the table."""
    try:
        return row.attack(arena)
    except (Closed, OSError, AssertionError) as error:
        return Verdict(f"the attack came to nothing: {type(error).__name__} {error}".strip()[:80], False)


def _patience(row: Row, server: ServerProcess) -> float:
    return 1.0 if isinstance(server, PlainProcess) else row.settle_seconds  # it would keep us waiting for nothing


def before(row: Row, folder: Path) -> Side:
    """Attack a plain server."""
    files = some_server(folder / "tls") if row.tls else None
    tls = (files.certificate, files.key) if files else None
    with running(PlainProcess(folder / "plain", tls=tls, prefix=row.prefix)) as server:
        return attack(row, server, server.port, files.trusted() if files else None)


def after(row: Row, folder: Path) -> Side:
    """Attack ours, as it is shipped."""
    settings = dict(row.settings)
    files, port = None, 0
    if row.tls:
        files, port = some_server(folder / "tls"), free_port()
        settings |= {"TLS__PORT": str(port), "TLS__CERTIFICATE": str(files.certificate), "TLS__KEY": str(files.key)}
        settings |= {"TLS__REQUIRE_PEER_CERTIFICATE": "false"}
    with running(ReceiverProcess(folder / "home", settings=settings, prefix=row.prefix)) as server:
        return attack(row, server, port or server.port, files.trusted() if files else None)


def run(row: Row, *, with_plain: bool) -> tuple[Side | None, Side]:
    """Run one attack on both servers, each fresh."""
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    try:
        return before(row, folder) if with_plain else None, after(row, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def table(results: Sequence[tuple[Row, Side | None, Side]]) -> Table:
    shown = Table(title="Attacks on reception: before = a plain pynetdicom server in the same run, after = ours")
    for head in ("attack", "before: served", "CPU %", "MB", "outcome", "after: served", "CPU %", "MB", "outcome", ""):
        shown.add_column(head, justify="right" if head in ("CPU %", "MB") else "left")
    for row, plain, ours in results:
        cells = plain.cells() if plain else ("", "", "", "")
        shown.add_row(row.what, *cells, *ours.cells(), "FAILED" if ours.missed else "ok")
    return shown


def main() -> int:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    until = time.monotonic() + 60 * options.minutes
    results: list[tuple[Row, Side | None, Side]] = []
    rows = [row for row in ROWS if options.only.lower() in row.what.lower()]
    for row in rows:
        if time.monotonic() > until:
            break
        plain, ours = run(row, with_plain=not options.without_plain)
        results.append((row, plain, ours))
        console.print(f"{row.what}: {'; '.join(ours.missed) or 'ok'}", highlight=False, markup=False)
    console.print(table(results))
    if left := rows[len(results) :]:
        console.print(f"no time left for {len(left)}: " + "; ".join(row.what for row in left), markup=False)
    return 1 if any(ours.missed for _, _, ours in results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture.network", description=__doc__)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no attack after so long")
    parser.add_argument("--only", default="", help="only attacks whose name holds these words")
    parser.add_argument("--without-plain", action="store_true", help="leave out the plain server")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
