"""C-ECHO at the press of a button."""

import threading

from support.waiting import wait_until

from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.console.pages.echoes import Echoes

PACS = Destination.model_validate({"name": "pacs", "ae_title": "PACS", "host": "pacs.example.org", "port": 104})


def test_an_answer_tells_how_long_it_took() -> None:
    answer = Echoes(lambda *_: 0.025).ask(PACS)
    assert (answer.answered, answer.words) == (True, "answered in 25 ms")


def test_a_refusal_is_told_in_its_words() -> None:
    def refuse(_: Destination, __: float) -> float:
        raise CommandFailed("pacs.example.org:104 rejected the association")

    answer = Echoes(refuse).ask(PACS)
    assert (answer.answered, answer.words) == (False, "pacs.example.org:104 rejected the association")


def test_nobody_waits_longer_than_the_limit_and_a_second_one_is_not_asked_meanwhile() -> None:
    release, asked = threading.Event(), []

    def hang(destination: Destination, _: float) -> float:
        asked.append(destination.name)
        release.wait(30)
        return 0.0

    echoes = Echoes(hang, seconds=0.05)
    assert echoes.ask(PACS).words == "no answer within 0.05 s"
    assert echoes.ask(PACS).words == "it is being asked already"
    assert asked == ["pacs"]
    release.set()
    wait_until(lambda: echoes.ask(PACS).answered)
