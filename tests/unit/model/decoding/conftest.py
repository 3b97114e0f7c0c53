from collections.abc import Iterator

import pytest
from support.volumes import decoder as made

from hounsfield.model.decoding.decoder import Decoder


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with made() as one:
        yield one
