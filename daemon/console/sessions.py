"""Who is signed in: a random token in the browser, its SHA-256 in the database."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from hounsfield.daemon.clock import Clock
from hounsfield.storage.accounts import AccountStore, SignIn

TOKEN_BYTES = 32
_NOTED_EVERY = timedelta(minutes=1)
"""A sign-in that is used is written down no oftener."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A browser that has just signed in."""

    token: str
    """For its cookie; known nowhere else."""
    csrf: str


class Sessions:
    """Sign-ins that end when they were not used for some hours. Every method may raise DatabaseUnavailable."""

    def __init__(self, accounts: AccountStore, clock: Clock, hours: float) -> None:
        self._accounts = accounts
        self._clock = clock
        self._length = timedelta(hours=hours)

    def begin(self, person: str) -> NewSession:
        """Sign a person in; what has expired is removed on the way."""
        now = self._clock.now()
        new = NewSession(token=secrets.token_urlsafe(TOKEN_BYTES), csrf=secrets.token_urlsafe(TOKEN_BYTES))
        self._accounts.clear(now)
        self._accounts.sign_in(
            SignIn(
                token_sha256=_digest(new.token),
                person=person,
                csrf=new.csrf,
                began_at=now,
                seen_at=now,
                expires_at=now + self._length,
            )
        )
        return new

    def find(self, token: str, *, is_use: bool) -> SignIn | None:
        """Return the sign-in of a token; ``is_use`` puts its end off. A page that refreshes itself is no use."""
        now = self._clock.now()
        digest = _digest(token)
        entry = self._accounts.signed_in(digest, now)
        if entry is None or not is_use or now - entry.seen_at < _NOTED_EVERY:
            return entry
        self._accounts.extend(digest, now, now + self._length)
        return replace(entry, seen_at=now, expires_at=now + self._length)

    def end(self, token: str) -> None:
        """Sign out."""
        self._accounts.sign_out(_digest(token))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
