"""Writes what the program prints into docs/operations and docs/for-pacs-admins.md, from a site that has every trouble.

    PYTHONPATH=tests .venv/bin/python -m support.record_operations

A daemon on loopback gets generated heads, a PACS that is away, a stranger, mixed patients and a full disk. Folders,
ports and the name of this machine are cut out; everything else stands there as it was printed. It takes some minutes.
"""

import json
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydicom import dcmread
from support.daemon import Daemon
from support.peers import free_port, orthanc
from support.scp import Scp, listening
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted((DOCS / "operations").glob("*.md")), DOCS / "for-pacs-admins.md"]
PRINTED = re.compile(r"<!-- printed: ([\w-]+) -->\n *```text\n(.*?) *```\n *<!-- end -->", re.DOTALL)
"""Where a page shows what was printed: its name, and the text."""
RECORDED = frozenset(
    {
        "peers-suggest",
        "peers-list",
        "pacs-down-destinations",
        "pacs-down-alarms",
        "pacs-down-echo",
        "pacs-up-destinations",
        "held-list",
        "held-show",
        "dead-list",
        "dead-show",
        "why-list",
        "why-show",
        "why-explain",
        "queue-stats",
        "pause",
        "resume",
        "backup",
        "restore",
        "disk-full-purge",
        "disk-full-send",
        "disk-full-doctor",
        "tls-show",
        "wrong-list",
        "wrong-rollback",
        "wrong-retract",
        "silent-alarms",
    }
)
BUNDLE = ROOT / "model" / "bundled" / "ich-demo"
WIDTH = "160"


@dataclass
class Recorder:
    """A site in a folder, and what its commands printed so far."""

    folder: Path
    store: Scp
    """Takes CT images only, and no results."""
    pacs_port: int = field(default_factory=free_port)
    said: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        peers = [{"ae_title": name, "host": "127.0.0.1"} for name in ("CT1", "PACS")]
        pacs = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": self.pacs_port, "probe_seconds": 2}
        narrow = {"name": "research", "ae_title": "STORE", "host": "127.0.0.1", "port": self.store.port}
        settings = {
            "HOUNSFIELD_PEER": json.dumps(peers),
            "HOUNSFIELD_RETENTION__IMAGES_DAYS": "0.0001",
            "NO_COLOR": "1",
            "COLUMNS": WIDTH,
        }
        self.daemon = Daemon(self.folder / "home", [pacs, {**narrow, "give_up_days": 5e-4}], settings, port=free_port())

    def run(self, *words: str) -> str:
        """Return what a command prints, whatever it ends with."""
        command = [sys.executable, "-m", "hounsfield.daemon.cli.main", *words]
        environment = self.daemon._environment()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
        return done.stdout + done.stderr

    def record(self, name: str, *words: str) -> str:
        """Keep what a command prints for the pages."""
        self.said[name] = self.run(*words)
        return self.said[name]

    def rows(self, *words: str) -> list[dict[str, Any]]:
        """Return the rows of a listing."""
        return self.daemon.hounsfield(*words)

    def phantom(self, name: str, *options: str) -> Path:
        """Paint a head."""
        self.run("phantom", str(self.folder / name), *options)
        return self.folder / name

    def send(self, files: Path, calling: str = "CT1") -> str:
        """Send a folder as a scanner does."""
        to = f"127.0.0.1:{self.daemon.port}"
        return self.run("send", str(files), "--to", to, "--called", "HOUNSFIELD", "--calling", calling)

    def has(self, count: int, *words: str) -> bool:
        """Whether a listing has so many rows."""
        return len(self.rows(*words)) >= count


def two_versions(site: Recorder) -> None:
    """Install two versions of a bundle; the second is in use."""
    newer = site.folder / "newer"
    shutil.copytree(BUNDLE, newer)
    manifest = newer / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('version = "2.0.0"', 'version = "2.0.1"'))
    site.run("bundle", "seal", str(newer))
    for source in (BUNDLE, newer):
        site.run("bundle", "install", str(source), "--activate", "--by", "anna")


def one_uid_two_patients(folder: Path) -> None:
    """Give one image of a series to somebody else."""
    file = sorted(folder.iterdir())[3]
    dataset = dcmread(file)
    dataset.PatientID = "OTHER"
    dataset.save_as(file)


def a_day_with_troubles(site: Recorder) -> None:
    """The PACS is away; a whole series, one with a gap, one of two patients, and a stranger."""
    site.send(site.phantom("whole", "--lesion", "epidural", "--seed", "1001"))
    gap = site.phantom("gap", "--drop", "9", "--seed", "7")
    site.send(gap)
    mixed = site.phantom("mixed", "--seed", "8")
    one_uid_two_patients(mixed)
    site.send(mixed)
    site.send(gap, calling="CT2")
    site.record("peers-suggest", "peers", "suggest")
    site.record("peers-list", "peers", "list")
    wait_until(lambda: site.has(2, "jobs", "list", "--kind", "infer", "--state", "completed"), 300, 2)
    wait_until(lambda: site.has(1, "series", "list", "--state", "held"), 60, 2)
    wait_until(lambda: site.has(2, "jobs", "list", "--state", "discarded"), 300, 5)
    wait_until(lambda: any(one["kind"] == "destination-down" for one in site.rows("alarms")), 180, 5)
    look_at(site, str(dcmread(sorted(gap.iterdir())[0], stop_before_pixels=True).StudyInstanceUID))


def look_at(site: Recorder, study: str) -> None:
    """What somebody sees who looks at that day."""
    (held,) = site.rows("series", "list", "--state", "held")
    (missing,) = site.rows("series", "list", "--study", study)
    dead = site.rows("jobs", "list", "--state", "discarded")[-1]["id"]
    site.record("pacs-down-destinations", "destinations")
    site.record("pacs-down-alarms", "alarms")
    site.record("pacs-down-echo", "echo", "pacs")
    site.record("held-list", "series", "list", "--state", "held")
    site.record("held-show", "series", "show", held["series_uid"])
    site.record("dead-list", "jobs", "list", "--state", "discarded")
    site.record("dead-show", "jobs", "show", str(dead))
    site.record("why-list", "series", "list", "--study", study)
    site.record("why-show", "series", "show", missing["series_uid"])
    site.record("why-explain", "rules", "explain", missing["series_uid"])
    site.record("wrong-list", "bundle", "list")
    site.record("wrong-retract", "results", "retract", "--bundle", "ich-demo", "--version", "2.0.1", "--dry-run")
    site.record("wrong-rollback", "bundle", "rollback", "ich-demo", "--by", "anna")


def the_pacs_is_back(site: Recorder) -> None:
    """What waited goes out; then somebody looks after the service."""
    with orthanc(site.folder / "pacs", dicom_port=site.pacs_port, ae_title="PACS"):
        done = ("jobs", "list", "--kind", "deliver", "--state", "completed", "--destination", "pacs")
        wait_until(lambda: site.has(2, *done), 120, 2)
        wait_until(lambda: not any(one["kind"] == "destination-down" for one in site.rows("alarms")), 60, 2)
        site.record("pacs-up-destinations", "destinations")
    site.record("queue-stats", "jobs", "stats", "--since", "1d")
    site.record("pause", "pause", "intake", "--note", "upgrade", "--by", "anna")
    site.record("resume", "resume", "intake", "--by", "anna")
    given_up = [str(job["id"]) for job in site.rows("jobs", "list", "--state", "discarded")]
    for words in (("pause", "delivery"), ("jobs", "retry", *given_up), ("jobs", "cancel", *given_up)):
        site.run(*words)
    site.run("resume", "delivery")
    site.record("disk-full-purge", "purge", "--dry-run")
    site.record("backup", "db", "backup", str(site.folder / "backup" / "hounsfield.db"))


def restored_and_full(site: Recorder) -> None:
    """The backup is put in place, and the disk has no room."""
    site.record("restore", "db", "restore", str(site.folder / "backup" / "hounsfield.db"), "--yes")
    site.daemon.settings["HOUNSFIELD_DICOM__MIN_FREE_BYTES"] = "2000000000000"
    with site.daemon.start("receiver"):
        site.said["disk-full-send"] = site.send(site.phantom("refused", "--slices", "8", "--seed", "9"))
        site.record("disk-full-doctor", "doctor")
        site.daemon.stop()
    del site.daemon.settings["HOUNSFIELD_DICOM__MIN_FREE_BYTES"]


def a_scanner_falls_silent(site: Recorder) -> None:
    """Two weeks of a scanner that sent every hour, and nothing since yesterday."""
    last = datetime.now(UTC) - timedelta(days=1)
    times = [last - timedelta(hours=hours) for hours in range(14 * 24)]
    with sqlite3.connect(site.daemon.home / "hounsfield.db") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(association)")]
        known = dict(zip(columns, database.execute("SELECT * FROM association").fetchone(), strict=True))
        for number, at in enumerate(times):
            opened = at.strftime("%Y-%m-%d %H:%M:%S.%f")
            row = {**known, "id": f"recorded-{number}", "calling_ae": "CT3", "opened_at": opened}
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO association VALUES ({marks})", list(row.values()))
    with site.daemon.start("assembler"):
        wait_until(lambda: any(one["kind"] == "scanner-silent" for one in site.rows("alarms")), 120, 2)
        site.record("silent-alarms", "alarms")
        site.daemon.stop()


def certificates(site: Recorder) -> None:
    """A certificate that is good for twelve days."""
    tls = site.folder / "tls"
    site.run("tls", "init", str(tls), "--peer", "CT1", "--days", "12")
    names = {"certificate": "server.pem", "key": "server.key", "authority": "authority.pem"}
    site.daemon.settings["HOUNSFIELD_TLS__PORT"] = "2762"
    for key, name in names.items():
        site.daemon.settings[f"HOUNSFIELD_TLS__{key.upper()}"] = str(tls / name)
    site.record("tls-show", "tls", "show")


def record(folder: Path) -> dict[str, str]:
    """Play all of it in ``folder``; return what was printed, by name."""
    with listening() as store:
        site = Recorder(folder, store)
        two_versions(site)
        with site.daemon.start():
            a_day_with_troubles(site)
            the_pacs_is_back(site)
            site.daemon.stop()
    restored_and_full(site)
    a_scanner_falls_silent(site)
    certificates(site)
    return {name: of_nowhere(text, site) for name, text in site.said.items()}


def of_nowhere(text: str, site: Recorder) -> str:
    """Return ``text`` without this machine in it."""
    for found, instead in (
        (str(site.folder / "home"), "/var/lib/hounsfield"),
        (str(site.folder / "backup"), "/backup"),
        (str(site.folder / "tls"), "/etc/hounsfield/tls"),
        (str(site.folder), "~"),
        (str(ROOT), "~/hounsfield"),
        (f":{site.pacs_port}", ":104"),
        (f":{site.daemon.port}", ":11112"),
        (f":{site.store.port}", ":105"),
        (socket.gethostname(), "gateway"),
    ):
        text = text.replace(found, instead)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def fill_in(pages: Sequence[Path], said: dict[str, str]) -> None:
    """Write what was printed into the pages, as far in as their blocks stand."""
    for page in pages:
        text = page.read_text()
        for name, body in said.items():
            block = re.compile(rf"^( *)<!-- printed: {name} -->\n.*?<!-- end -->", re.MULTILINE | re.DOTALL)
            text = block.sub(lambda match, name=name, body=body: block_of(match[1], name, body), text)  # type: ignore[misc]
        page.write_text(text)


def block_of(indent: str, name: str, body: str) -> str:
    """One block of a page."""
    lines = [f"<!-- printed: {name} -->", "```text", *body.splitlines(), "```", "<!-- end -->"]
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        printed = record(Path(made))
    assert set(printed) == set(RECORDED), set(printed) ^ set(RECORDED)
    fill_in(PAGES, printed)
    print(f"{len(printed)} recordings written")  # noqa: T201 - a command
