"""Who may open an association: called AE title, known sender, its certificate, free place. Pure but for host names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.reception import DicomSettings, Peer
from hounsfield.daemon.reception.known_peers import KnownPeers, Resolver, resolve
from hounsfield.storage.peer_records import SightingReason


class Rejection(Enum):
    """Why an association is refused: result, source and diagnostic of the A-ASSOCIATE-RJ (PS3.8 9.3.4), and words."""

    CALLED_AE = (
        (1, 1, 7),
        SightingReason.CALLED_AE,
        "it called another AE title than dicom.ae_title (dicom.check_called_ae = false would admit it)",
    )
    UNKNOWN_PEER = (
        (1, 1, 3),
        SightingReason.UNKNOWN_PEER,
        "no [[peer]] has this calling AE title and address (`hounsfield peers suggest` shows the one that would)",
    )
    CERTIFICATE = (
        (1, 1, 3),
        SightingReason.CERTIFICATE,
        "this [[peer]] must come over TLS with its certificate (the [[peer]]'s certificate says which)",
    )
    USER_IDENTITY = (
        (1, 1, 1),
        SightingReason.USER_IDENTITY,
        "it sent a user identity, and no setting accepts one: switch user identity negotiation off at the sender",
    )
    TOO_MANY = ((2, 3, 2), SightingReason.TOO_MANY, "dicom.max_associations are open")
    TOO_MANY_OF_PEER = (
        (2, 3, 2),
        SightingReason.TOO_MANY_OF_PEER,
        "this sender has dicom.max_associations_per_peer open already (or max_associations of its [[peer]])",
    )
    STOPPING = ((2, 3, 1), SightingReason.STOPPING, "the service is shutting down")
    PAUSED = ((2, 3, 2), SightingReason.PAUSED, "intake is paused (`hounsfield resume intake` lets it go on)")

    @property
    def codes(self) -> tuple[int, int, int]:
        """Result, source, diagnostic."""
        return self.value[0]

    @property
    def reason(self) -> SightingReason:
        """For the list of sightings."""
        return self.value[1]

    @property
    def words(self) -> str:
        """For the log, with the setting that changes it."""
        return self.value[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Both ends of an association."""

    calling_ae: str
    called_ae: str
    peer_address: str
    """Where the connection comes from."""

    @classmethod
    def of(cls, *, calling_ae: str, called_ae: str, peer_address: str) -> "Parties":
        """Return them without the padding spaces of their titles (PS3.5 6.2, AE)."""
        return cls(calling_ae=calling_ae.strip(" "), called_ae=called_ae.strip(" "), peer_address=peer_address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Who asks for an association, and how they show it."""

    parties: Parties
    certificate: str | None = None
    """SHA-256 of the certificate it showed, lowercase hexadecimal; None without TLS or without a certificate."""
    has_user_identity: bool = False
    """Whether it sent a User Identity Negotiation sub-item (PS3.7 D.3.3.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is answered, and what learning mode let pass."""

    rejection: Rejection | None = None
    overlooked: Rejection | None = None
    """What would have been the rejection without ``dicom.learning``."""
    max_of_peer: int
    """How many associations this sender may have open."""

    @property
    def is_admitted(self) -> bool:
        """Whether the association is accepted."""
        return self.rejection is None

    @property
    def reason(self) -> SightingReason:
        """What was found, for the list of sightings."""
        found = self.rejection or self.overlooked
        return SightingReason.KNOWN if found is None else found.reason


class Admission:
    """Decides on each association request: :meth:`identify`, then :meth:`seat`. May be asked from many threads."""

    def __init__(
        self, settings: DicomSettings, peers: Sequence[Peer], clock: Clock, resolver: Resolver = resolve
    ) -> None:
        self._settings = settings
        self._peers = KnownPeers(peers, clock, resolver)

    def identify(self, applicant: Applicant) -> Decision:
        """Return the decision as far as it depends on who asks. May wait for the resolver: hold no lock."""
        called = self._called_ae(applicant.parties.called_ae)
        known = self._peers.find(applicant.parties.calling_ae, applicant.parties.peer_address)
        unknown = self._unknown(known)
        fitting = [peer for peer in known if peer.certificate in (None, applicant.certificate)]
        limit = next((peer.max_associations for peer in fitting if peer.max_associations is not None), None)
        decision = Decision(max_of_peer=limit or self._settings.max_associations_per_peer)
        if (called or unknown) and not self._settings.learning:
            return replace(decision, rejection=called or unknown)
        decision = replace(decision, overlooked=unknown or called)
        if known and not fitting and not self._settings.allow_any_peer:
            return replace(decision, rejection=Rejection.CERTIFICATE)
        if applicant.has_user_identity:
            return replace(decision, rejection=Rejection.USER_IDENTITY)
        return decision

    def seat(self, decision: Decision, *, open_associations: int, open_of_peer: int) -> Decision:
        """Return the decision with the limits applied; for a lock that is held until the association is counted.

        ``open_of_peer`` counts those of the same calling AE title and address. Who is refused anyway does not learn
        that we are full.
        """
        if decision.rejection is not None:
            return decision
        if open_of_peer >= decision.max_of_peer:
            return replace(decision, rejection=Rejection.TOO_MANY_OF_PEER)
        if open_associations >= self._settings.max_associations:
            return replace(decision, rejection=Rejection.TOO_MANY)
        return decision

    def _called_ae(self, title: str) -> Rejection | None:
        is_ours = title == self._settings.ae_title
        return None if is_ours or not self._settings.check_called_ae else Rejection.CALLED_AE

    def _unknown(self, known: Sequence[Peer]) -> Rejection | None:
        if known:
            return None
        # Without any peer the configuration lets us listen on loopback only, unless anybody is welcome or listed.
        everybody = self._settings.allow_any_peer or not len(self._peers)
        return None if everybody and not self._settings.learning else Rejection.UNKNOWN_PEER
