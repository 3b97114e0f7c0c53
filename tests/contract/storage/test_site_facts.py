"""What holds for the site, on both engines: the first host to come says it, all others read it."""

from concurrent.futures import ThreadPoolExecutor

from support.stored import at

from hounsfield.storage.engine import Database


def test_a_fact_that_nobody_has_set_has_no_value(database: Database) -> None:
    assert database.site_facts.get("spool") is None


def test_the_first_value_counts_for_all_who_come_later(database: Database) -> None:
    assert database.site_facts.keep("spool", "a", at(1)) == "a"
    assert database.site_facts.keep("spool", "b", at(2)) == "a"
    assert database.site_facts.keep("shared", "b", at(2)) == "b"
    assert database.site_facts.get("spool") == "a"


def test_hosts_that_come_at_once_agree(database: Database) -> None:
    def keep(number: int) -> str:
        return database.site_facts.keep("spool", f"host {number}", at(number))

    with ThreadPoolExecutor(4) as hosts:
        assert len(set(hosts.map(keep, range(8)))) == 1


def test_a_person_replaces_a_value(database: Database) -> None:
    database.site_facts.keep("spool", "a", at(1))
    database.site_facts.replace("spool", "b", at(2))
    assert database.site_facts.get("spool") == "b"
    database.site_facts.replace("shared", "c", at(2))
    assert database.site_facts.get("shared") == "c"
