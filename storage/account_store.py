"""Accounts and sign-ins on SQL."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from hounsfield.storage.accounts import Account, SignIn
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.tables import account as accounts
from hounsfield.storage.tables import sign_in as sign_ins
from hounsfield.storage.transactions import Transactions


class SqlAccountStore:
    """See :class:`~hounsfield.storage.accounts.AccountStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def put(self, account: Account) -> bool:
        """Write an account."""
        changed = {"password": account.password, "changed_at": account.changed_at}
        with self._transactions.write() as connection:
            statement = update(accounts).where(accounts.c.name == account.name).values(changed)
            if connection.execute(statement).rowcount == 1:
                connection.execute(delete(sign_ins).where(sign_ins.c.person == account.name))
                return False
            connection.execute(insert(accounts).values(asdict(account)))
            return True

    def account(self, name: str) -> Account | None:
        """Return an account."""
        with self._transactions.read() as connection:
            row = connection.execute(select(accounts).where(accounts.c.name == name)).one_or_none()
        return None if row is None else _account(row)

    def accounts(self) -> list[Account]:
        """Return all, by name."""
        with self._transactions.read() as connection:
            return [_account(row) for row in connection.execute(select(accounts).order_by(accounts.c.name))]

    def remove(self, name: str) -> bool:
        """Remove an account and its sign-ins."""
        with self._transactions.write() as connection:
            connection.execute(delete(sign_ins).where(sign_ins.c.person == name))
            return connection.execute(delete(accounts).where(accounts.c.name == name)).rowcount == 1

    def sign_in(self, entry: SignIn) -> None:
        """Write a sign-in."""
        with self._transactions.write() as connection:
            connection.execute(insert(sign_ins).values(asdict(entry)))

    def signed_in(self, token_sha256: str, now: datetime) -> SignIn | None:
        """Return the sign-in of a token that has not expired."""
        query = select(sign_ins).where(sign_ins.c.token_sha256 == token_sha256, sign_ins.c.expires_at > now)
        with self._transactions.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else SignIn(**row._asdict())

    def extend(self, token_sha256: str, now: datetime, expires_at: datetime) -> None:
        """Note that it was used."""
        statement = update(sign_ins).where(sign_ins.c.token_sha256 == token_sha256)
        with self._transactions.write() as connection:
            connection.execute(statement.values(seen_at=now, expires_at=expires_at))

    def sign_out(self, token_sha256: str) -> bool:
        """End a sign-in."""
        with self._transactions.write() as connection:
            return connection.execute(delete(sign_ins).where(sign_ins.c.token_sha256 == token_sha256)).rowcount == 1

    def clear(self, now: datetime) -> int:
        """Remove those that have expired."""
        with self._transactions.write() as connection:
            return connection.execute(delete(sign_ins).where(sign_ins.c.expires_at <= now)).rowcount


def _account(row: AnyRow) -> Account:
    return Account(name=row.name, password=row.password, created_at=row.created_at, changed_at=row.changed_at)
