"""The configured senders: which [[peer]] has this AE title and address. Host names are looked up and remembered."""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable, Sequence

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.reception import Peer

_RESOLVED_SECONDS = 60.0

Resolver = Callable[[str], Iterable[str]]
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def resolve(host: str) -> list[str]:
    """Return the addresses of a host name; none if it has none now. May take seconds."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(entry[4][0]) for entry in found]


def plain_address(address: str) -> IpAddress:
    """Return an address without its zone; an IPv4 address that came through an IPv6 socket is IPv4.

    Raises ValueError for what is no address.
    """
    parsed = ipaddress.ip_address(address.split("%")[0])
    return getattr(parsed, "ipv4_mapped", None) or parsed


class KnownPeers:
    """Finds the [[peer]] tables of a sender. May be asked from many threads."""

    def __init__(self, peers: Sequence[Peer], clock: Clock, resolver: Resolver = resolve) -> None:
        self._peers = peers
        self._names = HostNames(clock, resolver)

    def __len__(self) -> int:
        return len(self._peers)

    def find(self, calling_ae: str, address: str) -> list[Peer]:
        """Return every [[peer]] with this AE title and address, in the order of the configuration.

        Asks for host names of peers with this AE title only, and then may take as long as the resolver.
        """
        try:
            where = plain_address(address)
        except ValueError:
            return []
        return [
            peer
            for peer in self._peers
            if peer.ae_title == calling_ae and any(self._is_at(where, host) for host in peer.host)
        ]

    def _is_at(self, where: IpAddress, host: str) -> bool:
        try:
            return where in ipaddress.ip_network(host, strict=False)
        except ValueError:
            return where in self._names.addresses(host)


class HostNames:
    """Addresses of host names, asked for once a minute at most, outside the lock: others need not wait for it."""

    def __init__(self, clock: Clock, resolver: Resolver) -> None:
        self._clock = clock
        self._resolver = resolver
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, frozenset[IpAddress]]] = {}

    def addresses(self, name: str) -> frozenset[IpAddress]:
        """Return the addresses of ``name``, up to a minute old, or older while another thread is asking again."""
        now = self._clock.monotonic()
        with self._lock:
            until, addresses = self._known.get(name, (now, frozenset()))
            if now < until:
                return addresses
            if name in self._known:  # the others go on with what is known; only who asks now waits
                self._known[name] = (now + _RESOLVED_SECONDS, addresses)
        found = frozenset(plain_address(address) for address in self._resolver(name))
        with self._lock:
            self._known[name] = (self._clock.monotonic() + _RESOLVED_SECONDS, found)
        return found
