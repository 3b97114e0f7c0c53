"""What is stored is what was sent, byte for byte, however it was cut and packed."""

import hashlib
import random
import threading
from collections.abc import Iterator

import pytest
from support.datasets import element, tiny
from support.pdu_wire import (
    SR,
    Wire,
    connected,
    echo,
    fragments,
    p_data,
    pdv,
    pieces_of,
    store_command,
    store_message,
)
from support.reception import Reception
from support.wire import COMMAND, LAST, c_store_rq

KIB, MIB = 1024, 1024 * 1024


@pytest.fixture
def wire(reception: Reception) -> Iterator[Wire]:
    with connected(reception.port) as opened:
        yield opened


def sum_of(data: bytes) -> tuple[int, str]:
    """Stands for large bytes: comparing them directly would print megabytes."""
    return len(data), hashlib.sha256(data).hexdigest()


def noise(size: int, seed: object) -> bytes:
    return random.Random(str(seed)).randbytes(size)


def image(instance: str, size: int) -> bytes:
    """A data set of exactly ``size`` bytes that is like no other."""
    frame = tiny(instance=instance, more=element(0x7FE00010, b"OW", b""))
    return tiny(instance=instance, more=element(0x7FE00010, b"OW", noise(size - len(frame), instance)))


def stored(reception: Reception, instance: str) -> bytes:
    (digest,) = {one.digest for one in reception.store.receipts if one.sop_instance_uid == instance}
    return reception.dataset(digest)


class Names:
    """SOP Instance UIDs that no other test of this process has."""

    made = 0

    @classmethod
    def next(cls) -> str:
        cls.made += 1
        return f"1.2.826.{cls.made}"


@pytest.mark.parametrize("longest_pdu", [4096, 65_537, MIB], ids=["4-KiB", "odd-64-KiB", "1-MiB"])
@pytest.mark.parametrize("size", [943_719, MIB, MIB + 1, 1_153_433, 2 * MIB, 3_670_017])
def test_instances_around_the_size_of_the_buffer_arrive_unchanged_while_it_is_used_again(
    reception: Reception, wire: Wire, size: int, longest_pdu: int
) -> None:
    sent = {name: image(name, size - step) for step, name in enumerate(Names.next() for _ in range(3))}
    message = b"".join(
        store_message(data, name, number, longest_pdu=longest_pdu)
        for number, (name, data) in enumerate(sent.items(), start=1)
    )
    sender = threading.Thread(target=wire.send, args=(message,))  # pipelined: it does not wait for answers
    sender.start()
    assert wire.statuses(3) == [(1, 0), (2, 0), (3, 0)]
    sender.join()
    assert {name: sum_of(stored(reception, name)) for name in sent} == {name: sum_of(sent[name]) for name in sent}


def small(name: str, size: int = 0) -> bytes:
    return tiny(instance=name, more=element(0x7FE00010, b"OW", noise(size, name)))


def test_a_message_may_be_cut_at_each_of_its_bytes(reception: Reception, wire: Wire) -> None:
    name = Names.next()
    data = small(name, 20)
    message = p_data(store_command(name), pdv(1, 0, data[:50])) + p_data(pdv(1, LAST, data[50:]))
    for place in range(1, len(message)):
        wire.send(message[:place], message[place:])
        assert wire.statuses(1) == [(7, 0)], f"cut at {place}"
    assert stored(reception, name) == data
    assert len({one.digest for one in reception.store.receipts if one.sop_instance_uid == name}) == 1


def test_a_message_may_come_byte_by_byte(reception: Reception, wire: Wire) -> None:
    name = Names.next()
    data = small(name, 31)
    wire.send(*(bytes((byte,)) for byte in store_message(data, name)))
    assert wire.statuses(1) == [(7, 0)]
    assert stored(reception, name) == data


def test_fragments_may_have_any_length(reception: Reception, wire: Wire) -> None:
    name = Names.next()
    data = small(name, 4001)
    dice = random.Random(4)
    cuts = [dice.randrange(len(data)) for _ in range(60)]
    parts = [pdv(1, 0, part) for part in pieces_of(data, cuts + cuts[:5])]  # some are empty
    wire.send(p_data(store_command(name)))
    while parts:
        count = dice.randint(1, 5)
        wire.send(p_data(*parts[:count]))
        parts = parts[count:]
    wire.send(p_data(pdv(1, LAST, b"")))
    assert wire.statuses(1) == [(7, 0)]
    assert stored(reception, name) == data


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_command_may_come_in_fragments_too(reception: Reception, wire: Wire, size: int) -> None:
    name = Names.next()
    data = small(name)
    command = fragments(c_store_rq(name, message_id=7), size, control=COMMAND)
    wire.send(b"".join(p_data(one) for one in command) + p_data(pdv(1, LAST, data)))
    assert wire.statuses(1) == [(7, 0)]
    assert stored(reception, name) == data


def test_command_and_data_may_share_a_pdu(reception: Reception, wire: Wire) -> None:
    name = Names.next()
    data = small(name, 3000)
    wire.send(p_data(store_command(name), *fragments(data, 1000)))
    assert wire.statuses(1) == [(7, 0)]
    assert stored(reception, name) == data


def test_a_last_fragment_may_be_empty(reception: Reception, wire: Wire) -> None:
    name = Names.next()
    data = small(name, 3000)
    wire.send(p_data(pdv(1, COMMAND, c_store_rq(name, message_id=7)), pdv(1, COMMAND | LAST, b"")))
    wire.send(p_data(pdv(1, 0, data)), p_data(pdv(1, 0, b""), pdv(1, LAST, b"")))
    assert wire.statuses(1) == [(7, 0)]
    assert stored(reception, name) == data


def test_many_stores_in_one_write_are_answered_in_order(reception: Reception, wire: Wire) -> None:
    names = [Names.next() for _ in range(300)]
    sent = {name: small(name, size) for size, name in enumerate(names)}
    wire.send(b"".join(store_message(sent[name], name, number) for number, name in enumerate(names)))
    assert wire.statuses(300) == [(number, 0) for number in range(300)]
    found = {one.sop_instance_uid: one.digest for one in reception.store.receipts}
    assert {name: reception.dataset(found[name]) for name in names} == sent


def test_messages_of_two_contexts_may_follow_each_other(reception: Reception, wire: Wire) -> None:
    image_name, report_name = Names.next(), Names.next()
    report = tiny(sop_class=SR, instance=report_name)
    command = c_store_rq(report_name, SR, 8)
    wire.send(store_message(small(image_name), image_name, 7))
    wire.send(p_data(pdv(3, COMMAND | LAST, command), pdv(3, LAST, report)))
    answers = [wire.answer(), wire.answer()]
    assert [(one.context, one.message_id, one.status) for one in answers] == [(1, 7, 0), (3, 8, 0)]
    assert stored(reception, report_name) == report


def test_echoes_between_stores_are_answered(reception: Reception, wire: Wire) -> None:
    names = [Names.next() for _ in range(10)]
    # Without waiting. An echo is served by the library in another thread, so its answer may come behind the next one;
    # a sender that waits, as the standard has it without asynchronous operations, does not see that.
    wire.send(*(store_message(small(name), name, 2 * n) + echo(2 * n + 1) for n, name in enumerate(names)))
    answers = [wire.answer() for _ in range(20)]
    assert sorted((one.message_id, one.field, one.status) for one in answers) == [
        (number, 0x8030 if number % 2 else 0x8001, 0) for number in range(20)
    ]
    assert [one.message_id for one in answers if one.field == 0x8001] == list(range(0, 20, 2))
    assert [stored(reception, name) for name in names] == [small(name) for name in names]
    for number in range(3):
        wire.send(echo(number))
        assert wire.answer().message_id == number
