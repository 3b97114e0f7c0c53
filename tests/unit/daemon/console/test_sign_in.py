"""Signing in: passwords, proxies, and nobody."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from support.browser import Answer, Browser
from support.console import PASSWORD, QUICK, add_account, console_app, console_parts, console_settings, signed_in
from support.fakes import ManualClock

from hounsfield.daemon.console.sign_in import own_path
from hounsfield.daemon.console.visitors import FORM_COOKIE, SESSION_COOKIE
from hounsfield.storage.engine import Database
from hounsfield.storage.log_book import EventQuery
from hounsfield.storage.states import Stage
from hounsfield.storage.tables import sign_in as sign_ins


class Stand:
    """A console with one account."""

    def __init__(self, database: Database, home: Path, clock: ManualClock, **console: Any) -> None:
        self.database = database
        self.clock = clock
        self.app = console_app(console_parts(database, home, console_settings(home, **console), clock))
        add_account(database, clock)

    def noted(self) -> list[tuple[str, dict[str, Any]]]:
        events = self.database.log_book.events(EventQuery(stage=Stage.OPERATE))
        return [(event.to_state, dict(event.detail)) for event in events]


@pytest.fixture
def stand(database: Database, tmp_path: Path, clock: ManualClock) -> Stand:
    return Stand(database, tmp_path, clock)


def is_signed_in(answer: Answer) -> bool:
    return 'action="/sign-out"' in answer.text


def test_the_right_password_signs_in_and_leads_back(stand: Stand) -> None:
    browser = Browser(stand.app)
    answer = browser.sign_in("anna", PASSWORD, "/jobs?state=HELD")
    assert (answer.status, answer.headers["location"]) == (303, "/jobs?state=HELD")
    assert is_signed_in(browser.get("/"))
    assert stand.noted() == [("SIGNED_IN", {"address": "127.0.0.1", "by": "anna", "origin": "console"})]


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(stand: Stand) -> None:
    browser = Browser(stand.app)
    wrong, unknown = browser.sign_in("anna", "wrong password"), browser.sign_in("nobody", PASSWORD)
    assert (wrong.status, unknown.status) == (401, 401)
    assert wrong.text.replace("anna", "X") == unknown.text.replace("nobody", "X")
    assert SESSION_COOKIE not in browser.cookies


def test_what_is_typed_is_noted_only_where_it_is_the_name_of_an_account(stand: Stand) -> None:
    browser = Browser(stand.app, address="192.0.2.7")
    browser.sign_in("anna", "wrong password")
    browser.sign_in("my-secret-password", "")
    assert stand.noted() == [
        ("SIGN_IN_FAILED", {"address": "192.0.2.7", "account": "anna", "origin": "console"}),
        ("SIGN_IN_FAILED", {"address": "192.0.2.7", "origin": "console"}),
    ]


def test_the_database_knows_no_token(stand: Stand) -> None:
    token = signed_in(stand.app).cookies[SESSION_COOKIE]
    assert len(token) >= 43, "32 bytes"
    with stand.database.transactions.read() as connection:
        (row,) = connection.execute(sign_ins.select()).all()
    assert token not in str(row)
    assert re.fullmatch(r"[0-9a-f]{64}", row.token_sha256)


@pytest.mark.parametrize("secure", [False, True])
def test_scripts_and_other_sites_cannot_use_the_cookies(
    database: Database, tmp_path: Path, clock: ManualClock, secure: bool
) -> None:
    stand = Stand(database, tmp_path, clock, secure_cookies=secure)
    browser = Browser(stand.app)
    for answer in (browser.get("/sign-in"), browser.sign_in("anna", PASSWORD)):
        (cookie,) = answer.cookies
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert ("Secure" in cookie) is secure


def test_a_sign_in_ends_when_it_was_not_used_for_so_long(stand: Stand) -> None:
    browser = signed_in(stand.app)
    for _ in range(3):
        stand.clock.advance(11 * 3600)
        assert is_signed_in(browser.get("/"))
    stand.clock.advance(12 * 3600)
    assert not is_signed_in(browser.get("/"))


def test_a_page_that_refreshes_itself_is_no_use(stand: Stand) -> None:
    browser = signed_in(stand.app)
    for _ in range(2):
        stand.clock.advance(5.9 * 3600)
        assert is_signed_in(browser.get("/", hx_request="true"))
    stand.clock.advance(0.5 * 3600)
    assert not is_signed_in(browser.get("/"))


def test_the_use_of_a_sign_in_is_written_at_most_once_a_minute(stand: Stand) -> None:
    browser = signed_in(stand.app)
    doorbell = stand.database.watcher()
    mark = doorbell.listen()
    stand.clock.advance(59)
    browser.get("/")
    assert doorbell.listen() == mark
    stand.clock.advance(1)
    browser.get("/")
    assert doorbell.listen() != mark


def test_signing_out_ends_it_for_good(stand: Stand) -> None:
    browser = signed_in(stand.app)
    kept = dict(browser.cookies)
    assert browser.post("/sign-out", {"csrf": browser.get("/").csrf}).status == 303
    assert SESSION_COOKIE not in browser.cookies
    assert not is_signed_in(Browser(stand.app, cookies=kept).get("/"))
    assert [action for action, _ in stand.noted()] == ["SIGNED_IN", "SIGNED_OUT"]


def test_a_new_password_ends_all_sign_ins_by_that_name(stand: Stand) -> None:
    browser = signed_in(stand.app)
    add_account(stand.database, stand.clock)
    assert not is_signed_in(browser.get("/"))


@pytest.mark.parametrize("token", ["", "x", "ü"])
def test_a_form_without_its_token_does_nothing(stand: Stand, token: str) -> None:
    browser = signed_in(stand.app)
    answer = browser.post("/sign-out", {"csrf": token})
    assert answer.status == 403
    assert "nothing was done" in answer.text
    assert is_signed_in(browser.get("/"))


def test_a_token_of_another_browser_is_no_token(stand: Stand) -> None:
    first, second = signed_in(stand.app), signed_in(stand.app)
    assert first.post("/sign-out", {"csrf": second.get("/").csrf}).status == 403


def test_a_form_that_another_site_sent_does_nothing_even_with_its_token(stand: Stand) -> None:
    browser = signed_in(stand.app)
    csrf = browser.get("/").csrf
    assert browser.post("/sign-out", {"csrf": csrf}, sec_fetch_site="cross-site").status == 403
    assert browser.post("/sign-out", {}, x_csrf_token=csrf, sec_fetch_site="same-origin").status == 303


def test_signing_in_needs_a_form_of_ours_too(stand: Stand) -> None:
    browser = Browser(stand.app)
    answer = browser.post("/sign-in", {"name": "anna", "password": PASSWORD, "csrf": "x"})
    assert answer.status == 403
    assert stand.noted() == []


def test_a_guest_who_wants_to_act_is_led_to_the_sign_in_page(stand: Stand) -> None:
    browser = Browser(stand.app)
    csrf = browser.get("/sign-in").csrf
    assert browser.post("/sign-out", {"csrf": csrf}).headers["location"] == "/sign-in"
    asked_by_htmx = browser.post("/sign-out", {"csrf": csrf}, hx_request="true")
    assert (asked_by_htmx.status, asked_by_htmx.headers["hx-redirect"]) == (401, "/sign-in")


def test_who_guesses_from_one_address_has_to_wait_and_others_have_not(stand: Stand) -> None:
    guessing = Browser(stand.app, address="192.0.2.7")
    assert [guessing.sign_in(f"name-{i}", "wrong password").status for i in range(6)] == [401] * 5 + [429]
    refused = guessing.sign_in("anna", PASSWORD)
    assert (refused.status, refused.headers["retry-after"]) == (429, "61")
    assert "Too many attempts" in refused.text
    assert Browser(stand.app, address="192.0.2.8").sign_in("anna", PASSWORD).status == 303
    stand.clock.advance(60)
    assert guessing.sign_in("anna", PASSWORD).status == 303


def test_who_guesses_one_password_from_many_addresses_has_to_wait_as_well(stand: Stand) -> None:
    answers = [Browser(stand.app, address=f"192.0.2.{i}").sign_in("anna", "wrong").status for i in range(21)]
    assert answers == [401] * 20 + [429]
    assert len(stand.noted()) == 20, "what is refused unseen is not noted: the log cannot be filled that way"


def test_a_hash_of_weaker_parameters_is_renewed_at_sign_in(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    Stand(database, tmp_path, clock)
    before = database.accounts.account("anna")
    stronger = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    app = console_app(console_parts(database, tmp_path, clock=clock), stronger)
    assert is_signed_in(signed_in(app).get("/"))
    after = database.accounts.account("anna")
    assert before is not None
    assert after is not None
    assert replace(after, password="") == replace(before, password="")
    assert stronger.verify(after.password, PASSWORD)
    assert QUICK.check_needs_rehash(after.password)


def test_a_proxy_says_who_it_is_and_nobody_else_does(database: Database, tmp_path: Path, clock: ManualClock) -> None:
    stand = Stand(database, tmp_path, clock, sign_in="proxy", proxy_hosts=["10.0.0.1"], proxy_header="X-User")
    assert "berta" in Browser(stand.app, address="10.0.0.1").get("/", x_user="berta").text
    assert "berta" not in Browser(stand.app, address="10.0.0.2").get("/", x_user="berta").text
    assert "berta" not in Browser(stand.app, address="10.0.0.1").get("/", x_forwarded_user="berta").text


def test_behind_a_proxy_forms_need_their_token_as_well(database: Database, tmp_path: Path, clock: ManualClock) -> None:
    stand = Stand(database, tmp_path, clock, sign_in="proxy")
    browser = Browser(stand.app)
    csrf = browser.get("/", x_forwarded_user="berta").csrf
    assert browser.cookies[FORM_COOKIE] == csrf
    assert browser.post("/sign-out", {}, x_forwarded_user="berta").status == 403
    assert browser.post("/sign-out", {"csrf": csrf}, x_forwarded_user="berta").status == 303


def test_names_of_a_proxy_are_escaped_and_short(database: Database, tmp_path: Path, clock: ManualClock) -> None:
    stand = Stand(database, tmp_path, clock, sign_in="proxy")
    page = Browser(stand.app).get("/", x_forwarded_user="<script>alert(1)</script>" + "x" * 500).text
    assert "<script>alert" not in page
    assert "x" * 65 not in page


@pytest.mark.parametrize("mode", ["off", "proxy"])
def test_where_there_are_no_passwords_nobody_signs_in_with_one(
    database: Database, tmp_path: Path, clock: ManualClock, mode: str
) -> None:
    stand = Stand(database, tmp_path, clock, sign_in=mode)
    browser = Browser(stand.app)
    page = browser.get("/sign-in")
    assert "Nobody can sign in on this page" in page.text
    answer = browser.post("/sign-in", {"csrf": page.csrf, "name": "anna", "password": PASSWORD})
    assert answer.status == 403
    assert browser.post("/sign-out", {"csrf": page.csrf}).status == 403


def test_a_sign_in_of_another_time_counts_for_nothing_once_it_is_switched_off(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    browser = signed_in(Stand(database, tmp_path, clock).app)
    off = console_app(console_parts(database, tmp_path, console_settings(tmp_path, sign_in="off"), clock))
    assert not is_signed_in(Browser(off, cookies=browser.cookies).get("/"))


@pytest.mark.parametrize(
    "target", ["//evil.org", "https://evil.org", "javascript:alert(1)", "/\\evil.org", "/a\nb", ""]
)
def test_signing_in_leads_nowhere_else(target: str) -> None:
    assert own_path(target) == "/"


@given(st.text())
def test_whatever_is_asked_for_stays_on_this_console(target: str) -> None:
    found = own_path(target)
    assert found.startswith("/")
    assert found[1:2] not in ("/", "\\")
