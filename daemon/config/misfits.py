"""What must hold between keys of several sections. Pure: whether files are there and usable is asked later."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hounsfield.daemon.config.values import is_loopback

if TYPE_CHECKING:
    from hounsfield.daemon.config.settings import Settings

_TEST_CERTIFICATES = "`hounsfield tls init` makes certificates for tests"


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that does not go with others, or with the machine; told at the key to change."""

    key: str
    wrong: str
    allowed: str
    """What is allowed instead, or what to do."""


def misfits(settings: "Settings") -> Iterator[Misfit]:
    """Yield what does not go together, in the order in which it should be mended."""
    yield from _names_given_twice(settings)
    yield from _broken_rules(settings)
    yield from _open_to_strangers(settings)
    yield from _tls(settings)
    yield from _queue(settings)


def _names_given_twice(settings: "Settings") -> Iterator[Misfit]:
    """A rule names destinations and those who are notified alike."""
    names: set[str] = set()
    for key, name in _places(settings):
        if name in names:
            yield _doubled(key, name, "each needs a name of its own")
        names.add(name)


def _places(settings: "Settings") -> Iterator[tuple[str, str]]:
    """Yield the key and the name of everything a rule may name."""
    yield from ((f"destination[{index}].name", entry.name) for index, entry in enumerate(settings.destination))
    yield from ((f"notify[{index}].name", entry.name) for index, entry in enumerate(settings.notify))


def _broken_rules(settings: "Settings") -> Iterator[Misfit]:
    names = [rule.name for rule in settings.rule]
    there = [name for _, name in _places(settings)]
    for index, rule in enumerate(settings.rule):
        if rule.name in names[:index]:
            yield _doubled(f"rule[{index}].name", rule.name, "each rule needs its own name")
        for name in rule.destinations or ():
            if name not in there:
                yield Misfit(
                    f"rule[{index}].destinations",
                    f'there is no destination "{name[:64]}"',
                    "allowed are the names of [[destination]] and [[notify]]: " + (", ".join(there) or "there is none"),
                )


def _doubled(key: str, name: str, allowed: str) -> Misfit:
    return Misfit(key, f'"{name}" is there twice', allowed)


def _open_to_strangers(settings: "Settings") -> Iterator[Misfit]:
    dicom = settings.dicom
    if not (is_loopback(dicom.host) or settings.peer or dicom.allow_any_peer or dicom.learning):
        yield Misfit(
            "dicom.host",
            _reachable(dicom.host),
            "add a [[peer]] with ae_title and host for each sender, or listen on 127.0.0.1, "
            "or set dicom.learning = true for the first days (anybody is admitted and listed), "
            "or dicom.allow_any_peer = true to take images from anybody",
        )


def _reachable(host: str) -> str:
    return f'"{host}" can be reached from other machines, and no [[peer]] says who may send'


def _tls(settings: "Settings") -> Iterator[Misfit]:
    tls = settings.tls
    if tls.port is not None:
        yield from _of_tls_port(settings)
    for index, peer in enumerate(settings.peer):
        if peer.certificate is None:
            continue
        key = f"peer[{index}].certificate"
        if tls.port is None:
            wrong = f'"{peer.ae_title}" could never come: certificates are shown over TLS only'
            yield Misfit(key, wrong, "set tls.port, or remove this key")
        elif tls.authority is None:
            wrong = f'"{peer.ae_title}" could never come: without tls.authority nobody is asked for a certificate'
            yield Misfit(key, wrong, "set tls.authority, or remove this key")


def _of_tls_port(settings: "Settings") -> Iterator[Misfit]:
    dicom, tls = settings.dicom, settings.tls
    if tls.port == dicom.port and tls.port != 0:
        wrong = f"{tls.port} is dicom.port, where plain DICOM is spoken"
        yield Misfit("tls.port", wrong, "give TLS a port of its own, usually 2762")
    if tls.certificate is None:
        allowed = f"give the PEM file of our certificate; {_TEST_CERTIFICATES}"
        yield Misfit("tls.certificate", "is missing, and tls.port is set", allowed)
    if tls.key is None:
        allowed = f"give the PEM file of our private key; {_TEST_CERTIFICATES}"
        yield Misfit("tls.key", "is missing, and tls.port is set", allowed)
    if tls.authority is None and tls.require_peer_certificate:
        allowed = "give the PEM file of who signs your peers' certificates, or set tls.require_peer_certificate = false"
        yield Misfit("tls.authority", "is missing, and tls.require_peer_certificate is true", allowed)
    if tls.host is not None and not (is_loopback(tls.host) or settings.peer or dicom.allow_any_peer or dicom.learning):
        yield Misfit(
            "tls.host",
            _reachable(tls.host),
            "add a [[peer]] with ae_title and host for each sender, or listen on 127.0.0.1, "
            "or set dicom.allow_any_peer = true to take images from anybody with a valid certificate",
        )


def _queue(settings: "Settings") -> Iterator[Misfit]:
    engine = settings.queue.engine
    if engine != "embedded" and not settings.storage.resolved_database_url.startswith("postgresql"):
        yield Misfit(
            "queue.engine",
            f'"{engine}" works with PostgreSQL only, and storage.database_url names none',
            'set storage.database_url = "postgresql://USER@HOST/DATABASE", or engine = "embedded"',
        )
