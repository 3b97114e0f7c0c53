"""The bell between a wake-up and the thread of a slot."""

import threading
from concurrent.futures import Future

from support.waiting import wait_until

from hounsfield.daemon.queue.bell import Bell


def rest(bell: Bell, mark: int, seconds: float = 5.0) -> None:
    bell.wait(mark, threading.Event(), seconds)


def test_a_ring_ends_the_rest_at_once() -> None:
    bell, answers = Bell(), list[Future[None]]()
    mark = bell.listen()
    slot = threading.Thread(target=rest, args=(bell, mark, 60))
    slot.start()
    answers.append(bell.ring())
    slot.join(5)
    assert not slot.is_alive()
    assert not answers[0].done()


def test_a_wake_up_is_in_hand_until_a_look_that_began_after_it_found_nothing() -> None:
    bell = Bell()
    early = bell.listen()
    answer = bell.ring()
    rest(bell, early)
    assert not answer.done()
    late = bell.listen()
    rest(bell, late, 0)
    assert answer.done()


def test_a_slot_holds_one_wake_up_and_no_more() -> None:
    bell = Bell()
    first, second = bell.ring(), bell.ring()
    assert (first.done(), second.done()) == (False, True)


def test_what_rang_while_another_wake_up_was_in_hand_is_looked_for_too() -> None:
    bell = Bell()
    bell.ring()
    mark = bell.listen()
    bell.ring()
    rest(bell, mark, 60)  # returns at once
    assert bell.listen() != mark


def test_a_stop_ends_the_rest() -> None:
    bell, stop = Bell(), threading.Event()
    slot = threading.Thread(target=bell.wait, args=(bell.listen(), stop, 60))
    slot.start()
    stop.set()
    slot.join(5)
    assert not slot.is_alive()


def test_a_bell_that_is_closed_lets_go_of_what_it_held_and_holds_nothing_more() -> None:
    bell = Bell()
    held = bell.ring()
    bell.close()
    assert held.done()
    assert bell.ring().done()


def test_whoever_gives_up_waiting_leaves_the_answer_to_the_slot() -> None:
    bell = Bell()
    answer = bell.ring()
    assert not answer.cancel()
    rest(bell, bell.listen(), 0)
    wait_until(answer.done, 1)
