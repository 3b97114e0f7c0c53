"""What is asked of a connection to a server, and how servers with standbys are named."""

from typing import Any

import pytest

from hounsfield.storage.errors import StorageError
from hounsfield.storage.transactions import make_engine, parse_url


def arguments(url: str) -> dict[str, Any]:
    """What the driver would be given."""
    parsed = parse_url(url)
    _, parameters = make_engine(parsed).dialect.create_connect_args(parsed)
    return {name: value for name, value in parameters.items() if name != "context"}


@pytest.mark.parametrize(
    ("hosts", "names", "ports"),
    [
        ("a,b", "a,b", "5432,5432"),
        ("a:5433,b", "a,b", "5433,5432"),
        ("db-1.example:6000,db-2.example:6001,10.0.0.3", "db-1.example,db-2.example,10.0.0.3", "6000,6001,5432"),
    ],
)
def test_a_server_and_its_standbys_are_named_as_libpq_does(hosts: str, names: str, ports: str) -> None:
    found = arguments(f"postgresql://user:p%40ss@{hosts}/jobs?target_session_attrs=read-write")
    assert found == {
        "host": names,
        "port": ports,
        "user": "user",
        "password": "p@ss",
        "dbname": "jobs",
        "target_session_attrs": "read-write",
    }


def test_a_user_is_not_needed() -> None:
    assert arguments("postgresql+psycopg://a,b/jobs")["host"] == "a,b"


@pytest.mark.parametrize("hosts", ["a,", ",b", "a,,b", "a:x,b", "a:1:2,b"])
def test_what_names_no_hosts_is_refused(hosts: str) -> None:
    with pytest.raises(StorageError, match=r"storage\.database_url"):
        parse_url(f"postgresql://{hosts}/jobs")
