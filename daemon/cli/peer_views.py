"""Sightings as ``hounsfield peers`` shows them. Titles come from the network: here they become harmless text."""

import ipaddress
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from hounsfield.daemon.cli.output import local
from hounsfield.daemon.config.reception import DicomSettings, Peer
from hounsfield.daemon.config.values import check_ae_title
from hounsfield.daemon.reception.known_peers import KnownPeers
from hounsfield.model.toml_text import toml_text
from hounsfield.storage.peer_records import SightingReason, SightingRecord

_REMEDIES = {
    SightingReason.CERTIFICATE: "came without the certificate of its [[peer]]",
    SightingReason.USER_IDENTITY: "sent a user identity, which no setting accepts: switch that off at the sender",
}


@dataclass(frozen=True, slots=True)
class Sender:
    """A calling AE title at an address, with what was seen of it."""

    calling_ae: str
    address: str
    records: tuple[SightingRecord, ...]

    @property
    def count(self) -> int:
        """How often it asked for an association."""
        return sum(record.count for record in self.records)

    @property
    def admitted(self) -> int:
        """How often it got one."""
        return sum(record.count for record in self.records if record.admitted)

    @property
    def called(self) -> list[str]:
        """The titles it called, the most frequent first."""
        return list(dict.fromkeys(record.called_ae for record in self.records))

    @property
    def first_seen_at(self) -> datetime:
        """When it came first."""
        return min(record.first_seen_at for record in self.records)

    @property
    def last_seen_at(self) -> datetime:
        """When it came last."""
        return max(record.last_seen_at for record in self.records)

    @property
    def is_usable(self) -> bool:
        """Whether a [[peer]] can be written for it: an AE title (PS3.5 6.2) and an address."""
        try:
            ipaddress.ip_address(self.address)
            return check_ae_title(self.calling_ae) == self.calling_ae
        except ValueError:
            return False


def unknown_senders(records: Iterable[SightingRecord], known: KnownPeers) -> list[Sender]:
    """Return who was refused as unknown, or admitted by learning mode, and is still unknown; most frequent first."""
    return [
        sender
        for sender in _senders(records, SightingReason.UNKNOWN_PEER)
        if not known.find(sender.calling_ae, sender.address)
    ]


def other_findings(
    records: Sequence[SightingRecord], settings: DicomSettings
) -> Iterator[tuple[SightingReason, Sender]]:
    """Yield who was refused, or will be after learning, for something that no new [[peer]] mends."""
    for reason in (SightingReason.CALLED_AE, *_REMEDIES):
        for sender in _senders(records, reason):
            if reason is SightingReason.CALLED_AE and not _miscalled(sender, settings):
                continue
            yield reason, sender


def _senders(records: Iterable[SightingRecord], reason: SightingReason) -> list[Sender]:
    found: dict[tuple[str, str], list[SightingRecord]] = {}
    for record in records:
        if record.reason is reason:
            found.setdefault((record.calling_ae, record.address), []).append(record)
    senders = [Sender(title, address, tuple(seen)) for (title, address), seen in found.items()]
    return sorted(senders, key=lambda sender: -sender.count)


def _miscalled(sender: Sender, settings: DicomSettings) -> list[str]:
    return [title for title in sender.called if settings.check_called_ae and title != settings.ae_title]


def as_toml(sender: Sender, settings: DicomSettings) -> str:
    """Return a [[peer]] table with comments; comments only for one that no table can name."""
    lines = [_history(sender)]
    if wrong := _miscalled(sender, settings):
        lines.append(f"called {_listed(wrong)} instead of {quoted(settings.ae_title)}: {_called_remedy()}")
    if not sender.is_usable:
        lines.append(f"no [[peer]] can name it: calling AE title {quoted(sender.calling_ae)} at {_place(sender)}")
        return _comment(lines)
    table = toml_text({"peer": [{"ae_title": sender.calling_ae, "host": sender.address}]})
    return _comment(lines) + table.lstrip("\n")


def as_comment(reason: SightingReason, sender: Sender, settings: DicomSettings) -> str:
    """Return a finding that needs another remedy than a [[peer]], as TOML comments."""
    if reason is SightingReason.CALLED_AE:
        wrong = _listed(_miscalled(sender, settings))
        what = f"called {wrong} instead of {quoted(settings.ae_title)}: {_called_remedy()}"
    else:
        what = _REMEDIES[reason]
    return _comment([f"{quoted(sender.calling_ae)} at {_place(sender)} {what}", _history(sender)])


def sender_json(reason: SightingReason, sender: Sender) -> dict[str, object]:
    """Return the fields of ``peers suggest --json``; fixed, later versions only add."""
    return {
        "ae_title": sender.calling_ae,
        "host": sender.address,
        "reason": reason.value,
        "usable": sender.is_usable,
        "called": sender.called,
        "count": sender.count,
        "admitted": sender.admitted,
        "refused": sender.count - sender.admitted,
        "first_seen_at": sender.first_seen_at,
        "last_seen_at": sender.last_seen_at,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStanding:
    """A configured sender with what was seen of it: the fields of ``peers list --json``; later versions only add."""

    ae_title: str
    host: tuple[str, ...]
    certificate: str | None
    max_associations: int
    admitted: int
    refused: int
    last_admitted_at: datetime | None
    last_refused_at: datetime | None
    last_refused_reason: str | None


def standing(peer: Peer, settings: DicomSettings, known: KnownPeers, records: Iterable[SightingRecord]) -> PeerStanding:
    """Return what was seen from the addresses of one [[peer]] under its AE title."""
    seen = [
        one for one in records if one.calling_ae == peer.ae_title and peer in known.find(peer.ae_title, one.address)
    ]
    admitted = [one for one in seen if one.admitted]
    refused = [one for one in seen if not one.admitted]
    last_refused = max(refused, key=lambda one: one.last_seen_at, default=None)
    return PeerStanding(
        ae_title=peer.ae_title,
        host=peer.host,
        certificate=peer.certificate,
        max_associations=peer.max_associations or settings.max_associations_per_peer,
        admitted=sum(one.count for one in admitted),
        refused=sum(one.count for one in refused),
        last_admitted_at=max((one.last_seen_at for one in admitted), default=None),
        last_refused_at=None if last_refused is None else last_refused.last_seen_at,
        last_refused_reason=None if last_refused is None else last_refused.reason.value,
    )


def quoted(text: str) -> str:
    """Return any text in quotes on one line of printable ASCII."""
    return json.dumps(text, ensure_ascii=True).replace("\x7f", "\\u007f")


def _listed(titles: Iterable[str]) -> str:
    return ", ".join(quoted(title) for title in titles)


def _place(sender: Sender) -> str:
    return quoted(sender.address)[1:-1]


def _history(sender: Sender) -> str:
    answers = {"admitted": sender.admitted, "refused": sender.count - sender.admitted}
    told = ", ".join(f"{answer} {count} times" for answer, count in answers.items() if count)
    return (
        f"{told.replace(' 1 times', ' once')}; first {local(sender.first_seen_at)}, last {local(sender.last_seen_at)}"
    )


def _called_remedy() -> str:
    return "correct that at the sender, or set dicom.check_called_ae = false"


def _comment(lines: Iterable[str]) -> str:
    return "".join(f"# {line}\n" for line in lines)
