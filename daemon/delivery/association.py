"""Associations that we request."""

from enum import StrEnum


class Failure(StrEnum):
    """Why objects did not get an answer of their own."""

    UNREACHABLE = "unreachable"
    """No connection, or no answer to the association request in time."""
    BUSY = "busy"
    """The association was rejected for now (PS3.8 9.3.4: rejected-transient)."""
    REJECTED = "rejected"
    """The association was rejected for good: an AE title is not known there."""
    NOT_ACCEPTED = "not-accepted"
    """The peer does not take the SOP class, or not in Explicit VR Little Endian."""
    BROKEN_OFF = "broken-off"
    """The association was accepted, and then it ended, or went silent, or said what no peer should."""
    NO_ADDRESS = "no-address"
    """Where the objects go cannot be said."""
