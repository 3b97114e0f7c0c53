"""From where a request comes, and which names the console answers to."""

import ipaddress
import socket
from collections.abc import Iterable, Sequence

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.reception.known_peers import HostNames, Resolver, plain_address, resolve

_LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")
_IPV6_SITE_BITS = 64
"""Whoever has one IPv6 address has at least as many as there are in such a network."""


class Proxies:
    """The addresses, networks and host names that a reverse proxy connects from. May be asked from many threads."""

    def __init__(self, hosts: Sequence[str], clock: Clock, resolver: Resolver = resolve) -> None:
        self._hosts = hosts
        self._names = HostNames(clock, resolver)

    def include(self, address: str) -> bool:
        """Whether a connection from there comes from a proxy."""
        try:
            where = plain_address(address)
        except ValueError:
            return False
        return any(self._is_at(where, host) for host in self._hosts)

    def _is_at(self, where: ipaddress.IPv4Address | ipaddress.IPv6Address, host: str) -> bool:
        try:
            return where in ipaddress.ip_network(host, strict=False)
        except ValueError:
            return where in self._names.addresses(host)

    def client(self, peer: str, forwarded: str | None) -> str:
        """Return the address of the browser: what the proxy says last in X-Forwarded-For, otherwise the ``peer``."""
        if forwarded is None or not self.include(peer):
            return peer
        said = forwarded.rsplit(",", 1)[-1].strip()
        try:
            return str(plain_address(said))
        except ValueError:
            return peer


def group_of(address: str) -> str:
    """Return what counts as one place for limits: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        where = plain_address(address)
    except ValueError:
        return address
    if isinstance(where, ipaddress.IPv4Address):
        return str(where)
    return str(ipaddress.ip_network((where, _IPV6_SITE_BITS), strict=False))


class HostCheck:
    """Which Host headers are ours: other names may have been pointed here to borrow a browser (DNS rebinding)."""

    def __init__(self, names: Iterable[str]) -> None:
        """``names``: the configured address and names; loopback and this machine's own name are added."""
        own = (*_LOOPBACK_NAMES, socket.gethostname(), *names)
        self._names = frozenset(name.rstrip(".").lower() for name in own)

    def admits(self, header: str) -> bool:
        """Whether a Host header (RFC 9110, 7.2) names us. Addresses pass: they cannot be pointed elsewhere."""
        host = _without_port(header.strip().lower())
        if host.rstrip(".") in self._names:
            return True
        try:
            ipaddress.ip_address(host.strip("[]").split("%")[0])
        except ValueError:
            return False
        return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
