"""What every test may use: the real CT data, the peers, and the rule that nothing is skipped unseen."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from support import durations
from support.fast_part import forbid_tensorflow, is_fast
from support.peers import everything_required, skip_or_fail
from support.postgres import PostgreSQL, postgresql
from support.quick_starts import quick_starts

ROOT = Path(__file__).resolve().parent.parent

# how long an example takes says something about the machine, not about what is tested
hypothesis.settings.register_profile("hounsfield", deadline=None)
hypothesis.settings.load_profile("hounsfield")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only the fast part: no TensorFlow, no real peers")
    parser.addoption("--write-durations", action="store_true", help=f"measure into {durations.FILE.name}")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fast"):
        forbid_tensorflow()
    if config.getoption("--write-durations") and not is_worker(config):
        config.pluginmanager.register(durations.Recorder())


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several that share the tests."""
    return hasattr(config, "workerinput")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    measured = durations.read()
    if config.getoption("--fast"):
        fast = [is_fast(item, measured) for item in items]
        config.hook.pytest_deselected(items=[item for item, stays in zip(items, fast, strict=True) if not stays])
        items[:] = [item for item, stays in zip(items, fast, strict=True) if stays]
    if is_worker(config) and not config.pluginmanager.hasplugin("randomly"):
        items[:] = durations.longest_first(items, measured)


@pytest.fixture(autouse=True, scope="session")
def _plain_log() -> None:
    """Until a test configures the log, tracebacks are plain: those of structlog show every local and take seconds."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])


@pytest.fixture(autouse=True, scope="session")
def _quick_starts() -> Iterator[None]:
    with quick_starts():
        yield


@pytest.fixture(scope="session")
def real_ct() -> Path:
    """Return the folder with real CT data (``ge_head_ct``, ``transfer_syntaxes``); it is never copied in here."""
    folder = Path(os.environ.get("HOUNSFIELD_REAL_CT") or ROOT.parent / "shared" / "data")
    if not (folder / "ge_head_ct").is_dir():
        skip_or_fail(f"no real CT data: set HOUNSFIELD_REAL_CT to a folder with ge_head_ct (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[PostgreSQL]:
    """Return a PostgreSQL of our own on a private port; make databases in it with ``create_database``."""
    with postgresql() as cluster:
        yield cluster


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Turn a skip into a failure where everything is required, except for what needs a GPU."""
    report = yield
    if (
        report.skipped
        and everything_required()
        and not hasattr(report, "wasxfail")
        and not item.get_closest_marker("gpu")
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped, but HOUNSFIELD_REQUIRE_ALL=1: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """Turn the skip of a whole module into a failure where everything is required."""
    report = yield
    if report.skipped and everything_required():
        report.outcome = "failed"
        report.longrepr = f"module skipped, but HOUNSFIELD_REQUIRE_ALL=1: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
