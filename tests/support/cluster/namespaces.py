"""A network of hosts on one machine: network namespaces, each with one link to a bridge (ip-netns(8), veth(4)).

The tests themselves stand beside the bridge and reach every host by its address. Only root may make such a network.
"""

import os
import random
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from support.waiting import wait_until

PREFIX = "hfd"
"""Of every name that a network gives: the process id of its maker follows, so that leftovers of the dead are known."""
_OURS = re.compile(rf"{PREFIX}(\d+)")
_LINE = 'echo "$0" > /proc/sys/kernel/hostname && exec "$@"'


class NoNamespaces(Exception):
    """This machine, or this user, cannot have network namespaces."""


@dataclass
class Network:
    """A bridge and what hangs on it."""

    name: str
    subnet: str
    """The first three numbers of its addresses."""
    hosts: dict[str, str] = field(default_factory=dict)
    """Name of each host, and its address."""

    @property
    def gateway(self) -> str:
        """The address of the tests' own side."""
        return f"{self.subnet}.1"

    def add(self, host: str) -> str:
        """Make a host with a link; return its address."""
        number = len(self.hosts) + 10
        space, outside, inside, address = self._space(host), self._link(number), "eth0", f"{self.subnet}.{number}"
        self.hosts[host] = address
        _ip("netns", "add", space)
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", space)
        _ip("link", "set", outside, "master", self.name, "up")
        _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", space, "address", "add", f"{address}/24", "dev", inside)
        _ip("-n", space, "link", "set", inside, "up")
        return address

    def command(self, host: str, command: Sequence[str | Path], user: tuple[int, int] | None = None) -> list[str]:
        """Return what runs a command on a host, under the host's own name, and as the user and group with these ids."""
        become = [] if user is None else ["setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups"]
        there = ["nsenter", f"--net=/run/netns/{self._space(host)}", "unshare", "--uts", "sh", "-c", _LINE, host]
        return [*there, *become, *(str(part) for part in command)]

    def take(self, host: str, address: str) -> None:
        """Give a host one more address, which another one may have had, and tell all others.

        A new hardware address makes the kernel do that, by gratuitous ARP for all addresses (ip-sysctl: arp_notify).
        """
        space = self._space(host)
        _ip("netns", "exec", space, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify")
        _ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "address", f"02:00:00:{random.randbytes(3).hex(':')}")

    def give_up(self, host: str, address: str) -> None:
        """Take such an address from a host."""
        _ip("-n", self._space(host), "address", "delete", f"{address}/24", "dev", "eth0")

    def cut(self, host: str) -> None:
        """Take the link of a host away: nothing comes through, and nobody is told."""
        _ip("link", "set", self._link_of(host), "down")

    def mend(self, host: str) -> None:
        """Give it back."""
        _ip("link", "set", self._link_of(host), "up")

    def processes(self, host: str) -> list[int]:
        """Return the ids of all processes in the namespace of a host."""
        return [int(pid) for pid in _ip("netns", "pids", self._space(host)).split()]

    def close(self) -> None:
        """Kill what still runs on the hosts, and take the network down."""
        for host in self.hosts:
            _end(self._space(host))
        _ip("link", "delete", self.name)

    def _space(self, host: str) -> str:
        return f"{self.name}-{host}"

    def _link_of(self, host: str) -> str:
        return self._link(int(self.hosts[host].rpartition(".")[2]))

    def _link(self, number: int) -> str:
        return f"{self.name}v{number}"


@contextmanager
def network() -> Iterator[Network]:
    """Give an empty network that is gone with the block. Raise NoNamespaces where there can be none."""
    if os.geteuid() != 0:
        raise NoNamespaces("several hosts on one machine are network namespaces, which only root can make: run as root")
    _remove_leftovers()
    made = Network(f"{PREFIX}{os.getpid()}", f"10.{random.randrange(200, 250)}.{random.randrange(1, 250)}")
    try:
        _ip("link", "add", made.name, "type", "bridge", "forward_delay", "0")
        _ip("address", "add", f"{made.gateway}/24", "dev", made.name)
        _ip("link", "set", made.name, "up")
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise NoNamespaces(f"this machine cannot have network namespaces (iproute2, CAP_NET_ADMIN): {said}") from error
    try:
        yield made
    finally:
        made.close()


def _remove_leftovers() -> None:
    """Take away what runs left whose process was killed."""
    spaces = [line.split()[0] for line in _ip("netns", "list").splitlines() if line]
    links = re.findall(rf"^\d+: ({PREFIX}\d+):", _ip("-o", "link", "show", "type", "bridge"), re.MULTILINE)
    for space in filter(_is_abandoned, spaces):
        _end(space)
    for link in filter(_is_abandoned, links):
        with suppress(subprocess.CalledProcessError):
            _ip("link", "delete", link)


def _is_abandoned(name: str) -> bool:
    found = _OURS.match(name)
    return found is not None and not Path(f"/proc/{found[1]}").exists()


def _end(space: str) -> None:
    """Kill what runs in a namespace, and remove it with its link."""

    def is_empty() -> bool:
        left = _ip("netns", "pids", space).split()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        return not left

    with suppress(subprocess.CalledProcessError):
        wait_until(is_empty, 20)
        _ip("netns", "delete", space)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True, timeout=20).stdout
