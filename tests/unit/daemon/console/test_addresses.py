"""Where requests come from, and which names are ours."""

import socket

import pytest
from support.fakes import ManualClock

from hounsfield.daemon.console.addresses import HostCheck, Proxies, group_of

PROXIES = Proxies(("127.0.0.1", "10.1.0.0/16", "proxy.example.org"), ManualClock(), lambda _: ["192.0.2.7"])


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "10.1.200.3", "192.0.2.7"])
def test_addresses_networks_and_names_of_proxies_are_known(address: str) -> None:
    assert PROXIES.include(address)


@pytest.mark.parametrize("address", ["127.0.0.2", "10.2.0.1", "::1", "", "proxy.example.org"])
def test_everybody_else_is_no_proxy(address: str) -> None:
    assert not PROXIES.include(address)


def test_a_proxy_says_last_who_asked_and_what_the_browser_said_before_is_not_believed() -> None:
    assert PROXIES.client("127.0.0.1", "203.0.113.9, 198.51.100.4") == "198.51.100.4"


@pytest.mark.parametrize(
    ("peer", "forwarded"), [("198.51.100.4", "203.0.113.9"), ("127.0.0.1", None), ("127.0.0.1", "<script>")]
)
def test_what_others_say_and_what_is_no_address_counts_for_nothing(peer: str, forwarded: str | None) -> None:
    assert PROXIES.client(peer, forwarded) == peer


def test_an_ipv6_network_counts_as_one_place() -> None:
    assert group_of("2001:db8::1") == group_of("2001:db8::ffff:2") != group_of("2001:db8:0:1::1")
    assert group_of("192.0.2.1") != group_of("192.0.2.2")


@pytest.mark.parametrize(
    "header",
    [
        *(
            "localhost:8050",
            "LOCALHOST",
            "127.0.0.1:8050",
            "[::1]:8050",
            "10.0.0.7",
            "ai.example.org",
            "AI.example.org.:1",
        ),
        socket.gethostname(),
    ],
)
def test_our_names_and_all_addresses_are_admitted(header: str) -> None:
    assert HostCheck(["0.0.0.0", "ai.example.org"]).admits(header)


@pytest.mark.parametrize(
    "header", ["", "evil.example.org", "localhost.evil.org", "127.0.0.1.evil.org:8050", "[evil]", "ai.example.org@x"]
)
def test_foreign_names_are_refused(header: str) -> None:
    assert not HostCheck(["ai.example.org"]).admits(header)
