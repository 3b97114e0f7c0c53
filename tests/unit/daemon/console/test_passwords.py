"""Passwords are argon2id hashes."""

from argon2 import PasswordHasher
from support.console import QUICK

from hounsfield.daemon.console.passwords import Passwords


def test_only_the_right_password_fits() -> None:
    passwords = Passwords(QUICK)
    known = passwords.hash("correct horse battery")
    assert known.startswith("$argon2id$")
    assert passwords.fits("correct horse battery", known)
    assert not passwords.fits("correct horse batterz", known)
    assert not passwords.fits("", known)


def test_damaged_hashes_and_missing_accounts_fit_nothing() -> None:
    passwords = Passwords(QUICK)
    assert not passwords.fits("correct horse battery", "damaged")
    assert not passwords.fits("correct horse battery", None)


def test_a_name_that_nobody_has_takes_the_same_work_as_a_wrong_password() -> None:
    checked: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash, password):
            checked.append(hash)
            return super().verify(hash, password)

    passwords = Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1))
    known = passwords.hash("correct horse battery")
    passwords.fits("wrong", known)
    passwords.fits("wrong", None)
    first, second = checked
    assert first.rsplit("$", 2)[0] == second.rsplit("$", 2)[0], "the same parameters"


def test_hashes_of_other_parameters_are_outdated() -> None:
    assert Passwords(PasswordHasher()).is_outdated(QUICK.hash("x"))
    assert not Passwords(QUICK).is_outdated(QUICK.hash("x"))


def test_the_parameters_in_use_are_those_of_rfc_9106_or_better() -> None:
    known = Passwords().hash("x")
    assert "$m=65536,t=3,p=4$" in known
