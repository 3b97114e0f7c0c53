"""Who may open an association: called AE title, known sender, free place. Pure but for host names."""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.sections import DicomSettings, Peer

_RESOLVED_SECONDS = 60.0

Resolver = Callable[[str], Iterable[str]]


class Rejection(Enum):
    """Why an association is refused: result, source and diagnostic of the A-ASSOCIATE-RJ (PS3.8 9.3.4), and words."""

    CALLED_AE = (1, 1, 7, "it called another AE title than dicom.ae_title")
    UNKNOWN_PEER = (1, 1, 3, "no [[peer]] has this calling AE title and address")
    TOO_MANY = (2, 3, 2, "dicom.max_associations are open")
    STOPPING = (2, 3, 1, "the service is shutting down")

    @property
    def codes(self) -> tuple[int, int, int]:
        """Result, source, diagnostic."""
        return self.value[:3]

    @property
    def words(self) -> str:
        """For the log."""
        return self.value[3]


def resolve(host: str) -> list[str]:
    """Return the addresses of a host name; none if it has none now."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(entry[4][0]) for entry in found]


class Admission:
    """Decides on each association request."""

    def __init__(
        self, settings: DicomSettings, peers: Sequence[Peer], clock: Clock, resolver: Resolver = resolve
    ) -> None:
        self._settings = settings
        self._peers = peers
        self._clock = clock
        self._resolver = resolver
        self._resolved: dict[str, tuple[float, frozenset[str]]] = {}

    def decide(self, *, calling_ae: str, called_ae: str, address: str, open_associations: int) -> Rejection | None:
        """Return why the request is refused, or None. ``address`` is where the connection comes from."""
        if self._settings.check_called_ae and called_ae.strip(" ") != self._settings.ae_title:
            return Rejection.CALLED_AE
        if not self._knows(calling_ae.strip(" "), address):
            return Rejection.UNKNOWN_PEER
        if open_associations >= self._settings.max_associations:
            return Rejection.TOO_MANY
        return None

    def _knows(self, calling_ae: str, address: str) -> bool:
        # Without any peer the configuration lets us listen on loopback only, unless anybody is welcome.
        if self._settings.allow_any_peer or not self._peers:
            return True
        return any(peer.ae_title == calling_ae and self._is_at(address, peer.host) for peer in self._peers)

    def _is_at(self, address: str, host: str) -> bool:
        try:
            where = _plain(address)
        except ValueError:
            return False
        try:
            return where in ipaddress.ip_network(host, strict=False)
        except ValueError:
            return str(where) in self._addresses(host)

    def _addresses(self, name: str) -> frozenset[str]:
        now = self._clock.monotonic()
        until, addresses = self._resolved.get(name, (now, frozenset()))
        if now >= until:
            addresses = frozenset(str(_plain(address)) for address in self._resolver(name))
            self._resolved[name] = (now + _RESOLVED_SECONDS, addresses)
        return addresses


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address without its zone; an IPv4 address that came through an IPv6 socket is IPv4."""
    parsed = ipaddress.ip_address(address.split("%")[0])
    return getattr(parsed, "ipv4_mapped", None) or parsed
