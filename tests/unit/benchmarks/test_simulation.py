"""The simulation against closed forms of queueing theory, and what its orders promise."""

import math
import random
from collections.abc import Sequence

import pytest
from simulation import Arrival, Network, Order, Passage, Plant, arrivals_of, percentile, simulate

COUNT = 30_000


def markovian(rate: float, stat_share: float = 0.0, seed: int = 5) -> list[Arrival]:
    """Poisson arrivals whose service is exponential with a mean of 1 s."""
    chance = random.Random(seed)
    at, found = 0.0, []
    for _ in range(COUNT):
        at += chance.expovariate(rate)
        found.append(Arrival(at=at, stat=chance.random() < stat_share, service=chance.expovariate(1.0)))
    return found


def mean_wait(passages: Sequence[Passage], *, stat: bool | None = None) -> float:
    waits = [one.began - one.due for one in passages if stat is None or one.arrival.stat is stat]
    return sum(waits) / len(waits)


def erlang_c(servers: int, load: float) -> float:
    """Probability that one who comes has to wait (A. K. Erlang, 1917)."""
    busy = load**servers / math.factorial(servers) / (1 - load / servers)
    return busy / (sum(load**k / math.factorial(k) for k in range(servers)) + busy)


@pytest.mark.parametrize(("servers", "rate"), [(1, 0.5), (1, 0.8), (3, 2.1), (8, 6.4)])
def test_mean_wait_is_that_of_a_markovian_queue(servers: int, rate: float) -> None:
    passages = simulate(markovian(rate), Plant(workers=servers, order=Order.ARRIVAL))
    assert mean_wait(passages) == pytest.approx(erlang_c(servers, rate) / (servers - rate), rel=0.08)


def test_mean_waits_of_two_priorities_are_those_of_cobham() -> None:
    """A. Cobham, Priority assignment in waiting line problems, Operations Research 2 (1954)."""
    rate, stat_share = 0.8, 0.25
    passages = simulate(markovian(rate, stat_share), Plant(workers=1, order=Order.PRIORITY))
    of_stat = rate * stat_share
    assert mean_wait(passages, stat=True) == pytest.approx(rate / (1 - of_stat), rel=0.08)
    assert mean_wait(passages, stat=False) == pytest.approx(rate / (1 - of_stat) / (1 - rate), rel=0.12)


@pytest.mark.parametrize("order", list(Order))
def test_no_order_changes_how_much_work_is_done_or_loses_a_series(order: Order) -> None:
    arrivals = [
        Arrival(at=float(number), scanner=number % 5, stat=number % 7 == 0, service=2.5) for number in range(400)
    ]
    passages = simulate(arrivals, Plant(workers=2, couriers=1, quiet_seconds=5, order=order))
    assert sorted(one.arrival.at for one in passages) == [float(number) for number in range(400)]
    assert max(one.analysed for one in passages) == pytest.approx(5 + 400 * 2.5 / 2, abs=2.5)


def test_the_same_seed_gives_the_same_days() -> None:
    network = Network(scanners=20, series_a_day=4000, profile=(1, 5), stat_share=0.1, service_median=1.0)
    plant = Plant(workers=2, couriers=1, quiet_seconds=5, poll_seconds=0.5, order=Order.TURNS)
    days = [simulate(arrivals_of(network, 20_000, seed), plant, seed) for seed in (3, 3, 4)]
    assert days[0] == days[1]
    assert days[0] != days[2]


def test_arrivals_follow_the_profile() -> None:
    network = Network(scanners=9, series_a_day=12_000, profile=(1, 5), stat_share=0.2, service_median=1.0)
    arrivals = list(arrivals_of(network, 86_400, 11))
    first = sum(one.at < 43_200 for one in arrivals)
    assert len(arrivals) == pytest.approx(12_000, rel=0.03)
    assert (len(arrivals) - first) / first == pytest.approx(5, rel=0.1)
    assert sum(one.stat for one in arrivals) / len(arrivals) == pytest.approx(0.2, abs=0.02)


def test_a_flood_from_one_scanner_delays_another_one_by_two_analyses_at_most() -> None:
    flood = [Arrival(at=0, scanner=1, service=1) for _ in range(300)]
    single = Arrival(at=10.5, scanner=2, service=1)
    passages = simulate([*flood, single], Plant(workers=1, order=Order.TURNS, patience_seconds=1e6))
    assert next(one for one in passages if one.arrival is single).time_to_result <= 3
    behind = simulate([*flood, single], Plant(workers=1, order=Order.PRIORITY))
    assert next(one for one in behind if one.arrival is single).time_to_result > 280


def test_a_routine_series_does_not_wait_for_ever_behind_stats() -> None:
    stats = [Arrival(at=number * 0.5, scanner=number % 3, stat=True, service=1) for number in range(200)]
    routine = Arrival(at=0.6, scanner=9, service=1)
    arrivals = sorted([*stats, routine], key=lambda one: one.at)
    passages = simulate(arrivals, Plant(workers=1, order=Order.TURNS, patience_seconds=20, every=4))
    waited = next(one.began - one.due for one in passages if one.arrival is routine)
    assert 20 <= waited <= 20 + 4
    last = simulate(arrivals, Plant(workers=1, order=Order.PRIORITY))[-1]
    assert last.arrival is routine


def test_who_has_nothing_to_do_looks_only_now_and_then() -> None:
    alone = [Arrival(at=100.0 * number, service=1) for number in range(500)]
    passages = simulate(alone, Plant(workers=3, poll_seconds=0.4))
    waits = [one.began - one.due for one in passages]
    assert max(waits) <= 0.4
    assert mean_wait(passages) == pytest.approx(0.2, rel=0.15)


def test_percentiles_are_values_that_were_there() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.0
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.9) == 4.0
    assert math.isnan(percentile([], 0.5))
