"""One suite, two ways of reading: our short path, and the library's own. Both keep the same promises."""

from collections.abc import Iterator

import pytest
from support.reception import Reception, receiving

PATHS = {"short-path": True, "library-path": False}


@pytest.fixture(scope="module", params=PATHS.values(), ids=PATHS.keys())
def short_path(request: pytest.FixtureRequest) -> bool:
    """Whether C-STORE takes the short path."""
    return bool(request.param)


@pytest.fixture(scope="module")
def reception(tmp_path_factory: pytest.TempPathFactory, short_path: bool) -> Iterator[Reception]:
    """A receiver for all tests of a module: none of them may leave anything in it that another would see."""
    with receiving(tmp_path_factory.mktemp("reception"), short_path=short_path, max_pdu_bytes=1048576) as running:
        yield running
