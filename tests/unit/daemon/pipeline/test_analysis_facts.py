"""The key of a scanner is short and harmless whatever a header says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ct_factory import ct_series, write_series

from hounsfield.daemon.pipeline.analysis_facts import scanner_key
from hounsfield.model.headers import SliceHeader, read_header


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> SliceHeader:
    (path,) = write_series(tmp_path_factory.mktemp("ct"), ct_series(1, ManufacturerModelName="One", StationName="S1"))
    return read_header(path)


def test_a_scanner_is_sender_maker_model_and_station(header: SliceHeader) -> None:
    assert scanner_key("CT1", [header]) == "CT1 / Hounsfield tests / One / S1"
    assert scanner_key("", [replace(header, manufacturer="", station_name="")]) == "? / ? / One / ?"
    assert scanner_key("CT1", []) == "CT1 / ? / ? / ?"


@given(st.text(), st.text(), st.text(), st.text())
def test_a_key_is_short_printable_ascii_of_four_parts(
    header: SliceHeader, sender: str, maker: str, model: str, station: str
) -> None:
    key = scanner_key(sender, [replace(header, manufacturer=maker, model_name=model, station_name=station)])
    assert len(key) <= 105
    assert key.isascii()
    assert key.isprintable()
    assert len(key.split(" / ")) == 4
    assert not set(key) & set("<>&\"'\\|,;=^")


def test_the_first_image_that_says_it_counts(header: SliceHeader) -> None:
    silent = replace(header, manufacturer="", model_name="")
    assert scanner_key("CT1", [silent, header]) == "CT1 / Hounsfield tests / One / S1"
