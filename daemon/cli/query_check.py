"""What the doctor says of ``[query]``."""

import secrets
from collections.abc import Iterator

from hounsfield.daemon import scu
from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import PeerFailed
from hounsfield.daemon.query.archive import QueryPeer, Unanswered, Why
from hounsfield.daemon.query.series_counts import peer_of
from hounsfield.daemon.query.series_images import images_of

MEANWHILE = "until then series are judged without its numbers"


def check_query(settings: Settings, seconds: float) -> Iterator[Check]:
    """Tell whether the archive that is asked for numbers of images answers; nothing where none is configured.

    After the C-ECHO comes a C-FIND for a series that nobody has: many archives answer the one to anybody, and the
    other only to those they know.
    """
    peer = peer_of(settings)
    if peer is None:
        return
    label = f"{peer.ae_title} at {peer.host}:{peer.port}"
    try:
        scu.echo(scu.Peer(peer.host, peer.port, peer.ae_title, peer.calling_ae), seconds)
    except PeerFailed as failure:
        mend = f"check address, AE titles and firewall on both sides; {MEANWHILE}"
        yield Check("query", Level.PROBLEM, f"{label}: {failure.problem}", mend)
        return
    why = _why_no_answer(peer)
    if why is None:
        yield Check("query", Level.OK, f"{label} answers queries")
    else:
        mend = f"allow {peer.calling_ae} to query there (Study Root C-FIND); {MEANWHILE}"
        yield Check("query", Level.PROBLEM, f"{label} answers a C-ECHO, but no C-FIND ({why})", mend)


def _why_no_answer(peer: QueryPeer) -> Why | None:
    nobody = f"2.25.{secrets.randbits(122)}"
    try:
        images_of(peer, nobody, nobody)
    except Unanswered as failure:
        return None if failure.why is Why.NO_MATCH else failure.why
    return Why.NONSENSE
