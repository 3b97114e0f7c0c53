"""Where pynetdicom (pinned to 3.0.4) is bent to what a receiver must answer. Everything that is its internals is here.

A C-STORE command that the library cannot read makes it abort, or never answer at all. Such commands are mended just
far enough that they reach our handler, which answers them with a status.
"""

from typing import Any

from pynetdicom import _config
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ

from hounsfield.daemon.reception.admission import Rejection
from hounsfield.daemon.reception.associations import Claim, OpenAssociation

_PRIORITIES = (0, 1, 2)
_NO_INSTANCE = "0"
"""Stands for an empty SOP Instance UID, which the library would not hand on; the answer echoes it."""
_UNUSED_COMMAND_ELEMENTS = ("MoveOriginatorApplicationEntityTitle", "MoveOriginatorMessageID")


def prepare_library() -> None:
    """Set the library's switches for this process: no texts about data sets, and UIDs are judged by our handler."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.VALIDATORS["UI"] = lambda _: (True, "")


def mend_store_request(message: Any, association: Association, entry: OpenAssociation) -> None:
    """Fill what is missing in a C-STORE command; called before the library turns it into a request.

    The SOP class becomes the negotiated one, because the library looks up the service by it; what the command said
    is kept in ``entry.claims``.
    """
    if not isinstance(message, C_STORE_RQ):
        return
    command = message.command_set
    for keyword in _UNUSED_COMMAND_ELEMENTS:
        if keyword in command:
            del command[keyword]
    if not isinstance(command.get("MessageID"), int):
        command.MessageID = 0
    if command.get("Priority") not in _PRIORITIES:
        command.Priority = 0
    context = next((cx for cx in association.accepted_contexts if cx.context_id == message.context_id), None)
    if context is None:
        return  # the library aborts: the sender uses a context that was not accepted
    said = Claim(str(command.get("AffectedSOPClassUID") or ""), str(command.get("AffectedSOPInstanceUID") or ""))
    if said.sop_class_uid == context.abstract_syntax and said.sop_instance_uid:
        return
    entry.claims[command.MessageID] = said
    command.AffectedSOPClassUID = context.abstract_syntax
    command.AffectedSOPInstanceUID = said.sop_instance_uid or _NO_INSTANCE


def reject(association: Association, rejection: Rejection) -> None:
    """Answer an association request with A-ASSOCIATE-RJ and end the connection."""
    association.acse.send_reject(*rejection.codes)
    association.is_rejected = True
    association.kill()


def has_message_in_flight(association: Association) -> bool:
    """Whether a message has begun to arrive, or waits to be served."""
    dimse = association.dimse
    return dimse.message is not None or not dimse.msg_queue.empty()


def end_politely(association: Association, seconds: float) -> None:
    """Ask the peer to release; abort if it has not answered after ``seconds``."""
    association.acse_timeout = seconds
    association.release()


def abort(association: Association, seconds: float) -> None:
    """Tell the peer that this is the end; the library waits ``seconds`` for it to close the connection."""
    association.dul.artim_timer.timeout = seconds
    association.abort()


def hang_up(association: Association) -> None:
    """Close the connection without a word; the library's threads of this association end by it.

    They are no daemon threads: one that waits for a silent peer would keep the process alive.
    """
    if association.dul.socket is not None:
        association.dul.socket.close()
    association.dul.stop_dul()
