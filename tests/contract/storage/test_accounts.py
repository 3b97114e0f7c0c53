"""Accounts and sign-ins on both engines."""

from dataclasses import replace

from support.stored import at

from hounsfield.storage.accounts import Account, SignIn
from hounsfield.storage.engine import Database

ANNA = Account(name="anna", password="$argon2id$one", created_at=at(0), changed_at=at(0))
BEN = Account(name="ben", password="$argon2id$two", created_at=at(1), changed_at=at(1))
BROWSER = SignIn(
    token_sha256="a" * 64, person="anna", csrf="c" * 32, began_at=at(10), seen_at=at(10), expires_at=at(100)
)


def test_nobody_may_sign_in_at_first(database: Database) -> None:
    assert database.accounts.accounts() == []
    assert database.accounts.account("anna") is None
    assert not database.accounts.remove("anna")
    assert database.accounts.signed_in("a" * 64, at(0)) is None
    assert not database.accounts.sign_out("a" * 64)


def test_accounts_come_back_by_name(database: Database) -> None:
    assert database.accounts.put(BEN)
    assert database.accounts.put(ANNA)
    assert database.accounts.accounts() == [ANNA, BEN]
    assert database.accounts.account("anna") == ANNA


def test_names_are_taken_exactly(database: Database) -> None:
    database.accounts.put(ANNA)
    assert database.accounts.account("Anna") is None
    assert database.accounts.account("anna' OR '1'='1") is None


def test_the_text_of_an_account_does_not_hold_its_password() -> None:
    assert "argon2id" not in f"{ANNA} {ANNA!r} {[ANNA]}"


def test_a_new_password_keeps_the_birth_of_the_account_and_ends_its_sign_ins(database: Database) -> None:
    accounts = database.accounts
    accounts.put(ANNA)
    accounts.put(BEN)
    accounts.sign_in(BROWSER)
    accounts.sign_in(replace(BROWSER, token_sha256="b" * 64, person="ben"))
    assert not accounts.put(replace(ANNA, password="$argon2id$new", created_at=at(50), changed_at=at(50)))
    assert accounts.account("anna") == replace(ANNA, password="$argon2id$new", changed_at=at(50))
    assert accounts.signed_in("a" * 64, at(51)) is None
    assert accounts.signed_in("b" * 64, at(51)) is not None


def test_an_account_goes_with_its_sign_ins(database: Database) -> None:
    database.accounts.put(ANNA)
    database.accounts.sign_in(BROWSER)
    assert database.accounts.remove("anna")
    assert database.accounts.accounts() == []
    assert database.accounts.signed_in("a" * 64, at(11)) is None


def test_a_browser_is_signed_in_until_it_expires(database: Database) -> None:
    database.accounts.sign_in(BROWSER)
    assert database.accounts.signed_in("a" * 64, at(99)) == BROWSER
    assert database.accounts.signed_in("a" * 64, at(100)) is None
    database.accounts.extend("a" * 64, at(90), at(190))
    assert database.accounts.signed_in("a" * 64, at(100)) == replace(BROWSER, seen_at=at(90), expires_at=at(190))


def test_who_signs_out_is_out(database: Database) -> None:
    database.accounts.sign_in(BROWSER)
    assert database.accounts.sign_out("a" * 64)
    assert database.accounts.signed_in("a" * 64, at(11)) is None


def test_what_has_expired_is_cleared_away(database: Database) -> None:
    database.accounts.sign_in(BROWSER)
    database.accounts.sign_in(replace(BROWSER, token_sha256="b" * 64, expires_at=at(200)))
    assert database.accounts.clear(at(100)) == 1
    assert database.accounts.clear(at(100)) == 0
    assert database.accounts.signed_in("b" * 64, at(100)) is not None
