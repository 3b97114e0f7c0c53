"""Four hosts with a database and a PACS beside them: two receivers, two workers, one shared spool."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.cluster.database import Database, database
from support.cluster.hosts import DICOM_PORT, Host, write_config
from support.cluster.namespaces import Network, network
from support.peers import Orthanc, accepts_connections, orthanc
from support.waiting import wait_until

PACS = "pacs"
ROLES = {
    "receiver-1": ("receiver", "assembler"),
    "receiver-2": ("receiver", "assembler"),
    "worker-1": ("worker", "courier", "console"),
    "worker-2": ("worker", "courier"),
}
SKEWS = {"receiver-2": 180.0, "worker-2": -120.0}
"""Seconds by which clocks are ahead of the others."""
ENGINES = ("procrastinate", "embedded")
LEASE_SECONDS = 15.0
QUIET_SECONDS = 8.0
"""Longer than both receivers are away at once: a series that closes before its last image has two results."""
START_SECONDS = 120.0


@dataclass
class Cluster:
    """What runs."""

    folder: Path
    network: Network
    database: Database
    pacs: Orthanc
    hosts: Mapping[str, Host]

    @property
    def receivers(self) -> list[Host]:
        return [host for host in self.hosts.values() if "receiver" in host.roles]

    @property
    def shared(self) -> Path:
        """The folder that all hosts see."""
        return self.folder / "shared"

    @property
    def spool(self) -> Path:
        return self.shared / "spool"

    def processes(self) -> set[tuple[str, str]]:
        """Host and role of everything that should run."""
        return {(host.name, role) for host in self.hosts.values() for role in host.roles}

    def start(self) -> None:
        """Start all hosts at once, and wait until every process of every host does its work."""
        for host in self.hosts.values():
            host.start()
        wait_until(lambda: self.living() >= self.processes(), START_SECONDS, 0.2)
        wait_until(lambda: all(map(_is_ready, self.hosts.values())), START_SECONDS, 0.2)

    def living(self) -> set[tuple[str, str]]:
        """Host and role of every process that has ever said that it lives."""
        return {(host, role) for host, role in self.database.rows("SELECT host, role FROM component")}

    def stop(self) -> dict[str, int]:
        """Stop all hosts in order; return the exit status of each."""
        return {host.name: host.stop() for host in self.hosts.values()}

    def said(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"== {host.name}\n{host.said()}" for host in self.hosts.values())


def _is_ready(host: Host) -> bool:
    if "receiver" in host.roles:
        return accepts_connections(DICOM_PORT, host.address)
    return "bundle served" in host.said()


@contextmanager
def cluster(
    folder: Path, *, engine: str = ENGINES[0], skews: Mapping[str, float] | None = None, lease: float = LEASE_SECONDS
) -> Iterator[Cluster]:
    """Give a cluster that has not started yet; nothing of it is left after the block but ``folder``.

    ``skews``: how many seconds the clocks of hosts are ahead. Raise NoNamespaces where there can be none.
    """
    with ExitStack() as stack:
        lan = stack.enter_context(network())
        server = stack.enter_context(database(lan))
        pacs = stack.enter_context(_pacs(folder / PACS, lan))
        hosts = {name: _host(name, roles, lan, folder, (skews or {}).get(name, 0.0)) for name, roles in ROLES.items()}
        made = Cluster(folder, lan, server, pacs, hosts)
        for host in hosts.values():
            write_config(host, _sections(made, host, engine, lease))
        made.shared.mkdir(parents=True, exist_ok=True)
        made.receivers[0].hounsfield("db", "upgrade")
        try:
            yield made
        finally:
            for host in hosts.values():
                host.abandon()


def _host(name: str, roles: Sequence[str], lan: Network, folder: Path, skew: float) -> Host:
    lan.add(name)
    return Host(name, roles, lan, folder / name, skew)


@contextmanager
def _pacs(folder: Path, lan: Network) -> Iterator[Orthanc]:
    address = lan.add(PACS)
    with orthanc(folder, dicom_port=104, http_port=8042, host=address, there=lan.command(PACS, [])) as server:
        yield server


def _sections(cluster: Cluster, host: Host, engine: str, lease: float) -> dict[str, Any]:
    """What stands in the configuration of a host; only addresses and ``storage.home`` differ from host to host."""
    return {
        "dicom": {"host": host.address, "port": DICOM_PORT, "allow_any_peer": True},
        "storage": {"home": host.home, "shared": cluster.shared, "database_url": cluster.database.url},
        "queue": {"engine": engine},
        "assembly": {"quiet_seconds": QUIET_SECONDS, "released_seconds": QUIET_SECONDS},
        "worker": {
            "device": "cpu",
            "precision": "float32",
            "xla": "off",
            "lease_seconds": lease,
            "max_attempts": 20,
        },
        "console": {"host": host.address, "sign_in": "off"},
        "destination": [
            {
                "name": PACS,
                "ae_title": cluster.pacs.ae_title,
                "host": cluster.pacs.host,
                "port": 104,
                "allow_demonstration": True,
                "probe_seconds": 1.0,
                "connect_timeout_seconds": 3.0,
                "acse_timeout_seconds": 5.0,
                "dimse_timeout_seconds": 10.0,
            }
        ],
    }
