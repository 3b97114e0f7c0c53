"""Host names of peers: remembered for a minute, and nobody waits for another's look-up."""

import threading

from support.fakes import ManualClock

from hounsfield.daemon.config.reception import Peer
from hounsfield.daemon.reception.known_peers import KnownPeers, resolve

SCANNER = Peer(ae_title="CT3", host="scanner.example")


def test_a_name_is_looked_up_again_after_a_minute():
    names = {"scanner.example": ["10.3.0.1"]}
    clock = ManualClock()
    known = KnownPeers([SCANNER], clock, lambda name: names[name])
    assert known.find("CT3", "10.3.0.1") == [SCANNER]
    names["scanner.example"] = ["10.3.0.2"]
    assert known.find("CT3", "10.3.0.2") == []
    clock.advance(61)
    assert known.find("CT3", "10.3.0.2") == [SCANNER]


def test_a_step_of_the_wall_clock_neither_keeps_nor_loses_a_name():
    asked: list[str] = []
    clock = ManualClock()
    known = KnownPeers([SCANNER], clock, lambda name: asked.append(name) or ["10.3.0.1"])
    known.find("CT3", "10.3.0.1")
    clock.step(-3600)
    known.find("CT3", "10.3.0.1")
    clock.step(7200)
    known.find("CT3", "10.3.0.1")
    assert asked == ["scanner.example"]


def test_a_stranger_makes_nobody_ask_for_a_name():
    asked: list[str] = []
    known = KnownPeers([SCANNER], ManualClock(), lambda name: asked.append(name) or [])
    assert known.find("STRANGER", "10.3.0.1") == []
    assert known.find("CT3", "nonsense") == []
    assert asked == []


def test_while_one_thread_waits_for_the_resolver_others_are_not_held_up():
    clock = ManualClock()
    answering, asked = threading.Event(), threading.Event()
    answering.set()

    def slow(_name: str) -> list[str]:
        asked.set()
        assert answering.wait(10)
        return ["10.3.0.1"]

    other = Peer(ae_title="CT1", host="10.1.2.3")
    known = KnownPeers([SCANNER, other], clock, slow)
    assert known.find("CT3", "10.3.0.1") == [SCANNER]
    clock.advance(61)
    answering.clear()
    asked.clear()
    found: list[list[Peer]] = []
    waiting = threading.Thread(target=lambda: found.append(known.find("CT3", "10.3.0.1")))
    waiting.start()
    assert asked.wait(10)
    assert known.find("CT1", "10.1.2.3") == [other]
    assert known.find("CT3", "10.3.0.1") == [SCANNER]  # what was known a minute ago
    assert found == []
    answering.set()
    waiting.join(10)
    assert found == [[SCANNER]]


def test_many_threads_that_ask_at_once_get_the_same_answer():
    known = KnownPeers([SCANNER], ManualClock(), lambda _name: ["10.3.0.1", "fd00::7"])
    start = threading.Barrier(8)
    found: list[list[Peer]] = []

    def ask() -> None:
        start.wait()
        found.append(known.find("CT3", "fd00::7"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == [[SCANNER]] * 8


def test_names_are_resolved_and_unknown_ones_have_no_address():
    assert "127.0.0.1" in resolve("localhost")
    assert resolve("no-such-host.invalid") == []
