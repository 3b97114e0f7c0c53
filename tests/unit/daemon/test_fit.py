"""What does not fit together is refused at the start, by the name of the setting and with what to do."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fakes import ManualClock

from hounsfield.daemon import fit
from hounsfield.daemon.cli.check import Level
from hounsfield.daemon.cli.fit_checks import check_fit
from hounsfield.daemon.config.misfits import Misfit
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ConfigurationError
from hounsfield.daemon.fit import configured_misfits, living_hosts, refuse_misfits, shared_misfits
from hounsfield.storage.components import Component
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.identity import FILE, identity_of

HOST = "ct-a"
NFS = "40 1 0:50 / {} rw,relatime shared:1 - nfs4 server:/export rw,vers=4.2,{}\n"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(None, tmp_path / "database")
    yield opened
    opened.close()


def settings_of(folder: Path, **storage: object) -> Settings:
    return Settings(storage={"home": folder / "home", **storage})


def mounts(tmp_path: Path, folder: Path, options: str = "hard") -> Path:
    file = tmp_path / "mountinfo"
    file.write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + NFS.format(folder, options))
    return file


def keys(misfits: Iterator[Misfit]) -> list[str]:
    return [one.key for one in misfits]


def component(clock: ManualClock, host: str, **facts: object) -> Component:
    return Component(
        name=f"worker-1@{host}",
        role="worker",
        host=host,
        pid=7,
        version="1",
        started_at=clock.now(),
        seen_at=clock.now(),
        facts=facts,
    )


class Beating:
    """Sleeps, and meanwhile another host says that it lives."""

    def __init__(self, database: Database, clock: ManualClock, *hosts: str) -> None:
        self.database, self.clock, self.hosts = database, clock, hosts
        self.slept = 0.0
        for host in hosts:
            database.components.started(component(clock, host))

    def __call__(self, seconds: float) -> None:
        self.slept += seconds
        self.clock.advance(seconds)
        if self.slept % 5 == 0:
            for host in self.hosts:
                self.database.components.seen(f"worker-1@{host}", 7, self.clock.now(), {})


def test_what_lies_on_disks_of_this_host_fits(tmp_path: Path) -> None:
    assert list(configured_misfits(settings_of(tmp_path))) == []
    assert list(configured_misfits(settings_of(tmp_path), mounts(tmp_path, Path("/elsewhere")))) == []


def test_sqlite_on_a_network_is_refused_by_the_setting_that_puts_it_there(tmp_path: Path) -> None:
    where = mounts(tmp_path, tmp_path)
    assert keys(configured_misfits(settings_of(tmp_path), where)) == ["storage.home"]
    url = f"sqlite:///{tmp_path / 'x.db'}"
    (misfit,) = configured_misfits(settings_of(tmp_path, database_url=url), where)
    assert misfit.key == "storage.database_url"
    assert "nfs4" in misfit.wrong
    assert "PostgreSQL" in misfit.allowed
    assert keys(configured_misfits(settings_of(tmp_path, database_url="postgresql://u@h/d"), where)) == []


def test_a_cache_on_a_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    settings = settings_of(tmp_path, cache=tmp_path / "net" / "copies")
    assert keys(configured_misfits(settings, mounts(tmp_path, tmp_path / "net"))) == ["storage.cache"]


@pytest.mark.parametrize("key", ["shared", "spool"])
def test_a_folder_that_takes_no_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(fit, "_refused", lambda folder: "Permission denied" if folder.name == "folder" else "")
    (misfit,) = configured_misfits(settings_of(tmp_path, **{key: tmp_path / "folder"}))
    assert misfit.key == f"storage.{key}"
    assert "Permission denied" in misfit.wrong
    assert "root_squash" in misfit.allowed


def test_a_folder_that_is_a_file_takes_no_files(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("no folder")
    (misfit,) = configured_misfits(settings_of(tmp_path, spool=tmp_path / "spool"))
    assert "Not a directory" in misfit.wrong
    assert list(tmp_path.glob(".hounsfield*")) == []


def test_procrastinate_without_postgresql_is_refused() -> None:
    with pytest.raises(ValueError, match="PostgreSQL only") as caught:
        Settings(queue={"engine": "procrastinate"})
    assert "queue.engine" in str(caught.value.errors()[0]["ctx"])  # type: ignore[attr-defined]
    Settings(queue={"engine": "procrastinate"}, storage={"database_url": "postgresql://u@h/d"})


def test_sqlite_that_another_host_uses_is_refused(tmp_path: Path, database: Database) -> None:
    clock = ManualClock()
    beating = Beating(database, clock, "ct-b")
    (misfit,) = shared_misfits(settings_of(tmp_path), database, HOST, clock, sleep=beating)
    assert misfit.key == "storage.database_url"
    assert "host ct-b" in misfit.wrong
    assert "hounsfield db copy" in misfit.allowed
    assert not (tmp_path / "home").exists(), "nothing was made"


def test_a_host_that_died_a_moment_ago_or_ended_is_none(database: Database) -> None:
    clock = ManualClock()
    silent = Beating(database, clock)
    database.components.started(component(clock, "old-name-of-this-container"))
    assert living_hosts(database.components, HOST, clock, silent) == []
    assert 10 <= silent.slept < 15
    database.components.started(component(clock, "ended", ended=True))
    database.components.started(component(clock, HOST))
    clock.advance(40)
    silent.slept = 0
    assert living_hosts(database.components, HOST, clock, silent) == []
    assert silent.slept == 0


def test_hosts_that_live_are_named(database: Database) -> None:
    clock = ManualClock()
    assert living_hosts(database.components, HOST, clock, Beating(database, clock, "b", "c")) == ["b", "c"]


def test_the_first_start_gives_spool_and_results_their_identities(tmp_path: Path, database: Database) -> None:
    settings = settings_of(tmp_path, spool=tmp_path / "spool")
    for _ in range(2):
        assert list(shared_misfits(settings, database, HOST, ManualClock())) == []
    assert identity_of(tmp_path / "spool") != identity_of(tmp_path / "home")
    assert identity_of(tmp_path / "home") is not None


def test_a_spool_whose_disk_is_not_mounted_is_refused_and_left_as_it_is(tmp_path: Path, database: Database) -> None:
    settings = settings_of(tmp_path, spool=tmp_path / "spool")
    refuse_misfits(settings, database, HOST, ManualClock())
    (tmp_path / "spool").rename(tmp_path / "elsewhere")
    for exists in (False, True):
        if exists:
            (tmp_path / "spool").mkdir()
        with pytest.raises(ConfigurationError, match=r"storage\.spool.*mounted") as caught:
            refuse_misfits(settings, database, HOST, ManualClock())
        assert "hounsfield db spool --accept" in str(caught.value)
        assert list(tmp_path.glob("spool/*")) == []
    (tmp_path / "spool").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "spool")
    refuse_misfits(settings, database, HOST, ManualClock())


def test_a_spool_of_this_host_alone_is_refused_while_others_work(tmp_path: Path, database: Database) -> None:
    clock = ManualClock()
    refuse_misfits(settings_of(tmp_path, shared=tmp_path / "of all"), database, "ct-b", clock)
    database.components.started(component(clock, "ct-b"))
    on_a_server = pytest.MonkeyPatch()
    with on_a_server.context() as patched:
        patched.setattr(fit, "living_hosts", lambda *_: [])  # as with PostgreSQL, which any number of hosts may use
        misfits = list(shared_misfits(settings_of(tmp_path, shared=tmp_path / "mine"), database, HOST, clock))
    assert {one.key for one in misfits} == {"storage.shared"}
    assert all("host ct-b works on the same database with another one" in one.wrong for one in misfits)
    assert all("storage.shared on each of them" in one.allowed for one in misfits)


def test_a_spool_of_another_site_is_refused(tmp_path: Path, database: Database) -> None:
    settings = settings_of(tmp_path)
    refuse_misfits(settings, database, HOST, ManualClock())
    (tmp_path / "home" / "spool" / FILE).write_text("0" * 32)
    (misfit,) = shared_misfits(settings, database, HOST, ManualClock())
    assert "another site" in misfit.wrong
    (tmp_path / "home" / "spool" / FILE).write_text("damaged")
    with pytest.raises(ConfigurationError, match="holds no identity"):
        refuse_misfits(settings, database, HOST, ManualClock())


def test_a_start_that_was_killed_before_the_identity_was_written_is_made_up_for(
    tmp_path: Path, database: Database
) -> None:
    database.site_facts.keep("spool", "new:" + "1" * 32, ManualClock().now())
    refuse_misfits(settings_of(tmp_path), database, HOST, ManualClock())
    assert identity_of(tmp_path / "home" / "spool") == "1" * 32
    assert database.site_facts.get("spool") == "1" * 32


def test_a_new_database_takes_the_spool_that_is_there(tmp_path: Path, database: Database) -> None:
    settings = settings_of(tmp_path)
    (tmp_path / "home" / "spool").mkdir(parents=True)
    (tmp_path / "home" / "spool" / FILE).write_text("2" * 32 + "\n")
    refuse_misfits(settings, database, HOST, ManualClock())
    assert database.site_facts.get("spool") == "2" * 32


def test_a_host_without_receivers_refuses_once_for_all_its_roles(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, spool=tmp_path / "spool")
    database = open_database(None, tmp_path / "home")
    refuse_misfits(settings, database, socket.gethostname(), ManualClock())
    database.close()
    (tmp_path / "spool" / FILE).unlink()
    config = tmp_path / "hounsfield.toml"
    config.write_text(f'[storage]\nhome = "{tmp_path / "home"}"\nspool = "{tmp_path / "spool"}"\n')
    command = [sys.executable, "-m", "hounsfield.daemon.cli.main", "run", "--role", "worker", "--role", "courier"]
    done = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert done.stderr.count("storage.spool") == 1
    assert "mounted" in done.stderr


def test_doctor_and_config_check_say_what_a_start_would_say_and_change_nothing(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, spool=tmp_path / "spool")
    assert [one.level for one in check_fit(settings)] == [Level.OK]
    assert not (tmp_path / "home").exists()
    database = open_database(None, tmp_path / "home")
    assert [one.level for one in check_fit(settings)] == [Level.OK]
    assert not (tmp_path / "spool").exists()
    refuse_misfits(settings, database, socket.gethostname(), ManualClock())
    database.close()
    (tmp_path / "spool" / FILE).unlink()
    (found,) = check_fit(settings)
    assert found.level is Level.PROBLEM
    assert found.message.startswith("storage.spool: ")
    assert "mounted" in found.mend
