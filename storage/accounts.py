"""Who may sign in to the console, and who is signed in. All times are timezone-aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who may sign in."""

    name: str
    password: str
    """Hash with its parameters (argon2id); never the password."""
    created_at: datetime
    changed_at: datetime

    def __repr__(self) -> str:
        return f"Account({self.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A browser that is signed in."""

    token_sha256: str
    """Hex; the token itself is in the browser only."""
    person: str
    csrf: str
    began_at: datetime
    seen_at: datetime
    expires_at: datetime


class AccountStore(Protocol):
    """Every method is one transaction."""

    def put(self, account: Account) -> bool:
        """Write an account; True where it is new. Its sign-ins end where it was there: the password has changed."""

    def account(self, name: str) -> Account | None:
        """Return an account."""

    def accounts(self) -> list[Account]:
        """Return all, by name."""

    def remove(self, name: str) -> bool:
        """Remove an account and its sign-ins; False where there is none."""

    def sign_in(self, entry: SignIn) -> None:
        """Write a sign-in."""

    def signed_in(self, token_sha256: str, now: datetime) -> SignIn | None:
        """Return the sign-in of a token that has not expired."""

    def extend(self, token_sha256: str, now: datetime, expires_at: datetime) -> None:
        """Note that it was used."""

    def sign_out(self, token_sha256: str) -> bool:
        """End a sign-in."""

    def clear(self, now: datetime) -> int:
        """Remove those that have expired; return how many."""
