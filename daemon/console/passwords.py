"""Passwords as argon2id hashes (RFC 9106), and nothing that could be read back."""

import secrets
import threading
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
"""Characters (NIST SP 800-63B asks for at least eight; there is no second factor here)."""
LONGEST = 1024


class Passwords:
    """Makes and checks hashes. A check takes some 50 ms and 64 MiB, and there is one at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """``hasher`` has the parameters; by default those that argon2-cffi recommends."""
        self._hasher = hasher or PasswordHasher()
        self._turn = threading.Lock()

    def hash(self, password: str) -> str:
        """Return the hash, with its parameters and salt in it."""
        return self._hasher.hash(password)

    def fits(self, password: str, known: str | None) -> bool:
        """Whether the password is the one of ``known``; without it the answer is no, after the same work."""
        with self._turn:
            try:
                is_right = self._hasher.verify(known or self._of_nobody, password[:LONGEST])
            except (VerificationError, InvalidHashError):
                return False
        return is_right and known is not None

    def is_outdated(self, known: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(known)

    @cached_property
    def _of_nobody(self) -> str:
        """Checked where there is no such account, so that the time does not tell whether there is one."""
        return self._hasher.hash(secrets.token_urlsafe())
