"""What could make two builds differ is taken out; that they do not is checked by `make dist`."""

import io
import subprocess
import tarfile
from pathlib import Path

import build_dist
import pytest

EPOCH = 1_800_000_000


def sdist(file: Path, order: tuple[str, ...], *, mtime: int, uid: int, user: str, mode: int) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name in order:
            member = tarfile.TarInfo(f"thing-1/{name}")
            member.mtime, member.uid, member.uname, member.mode = mtime, uid, user, mode
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    return file


def test_an_sdist_says_nothing_of_who_built_it_when_and_in_which_order(tmp_path: Path) -> None:
    one = sdist(tmp_path / "one.tar.gz", ("a", "b"), mtime=1, uid=0, user="root", mode=0o600)
    other = sdist(tmp_path / "other.tar.gz", ("b", "a"), mtime=2, uid=1000, user="anna", mode=0o664)
    assert one.read_bytes() != other.read_bytes()
    for file in (one, other):
        build_dist.normalise(file, EPOCH)
    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as archive:
        assert [(member.name, member.mtime, member.mode) for member in archive] == [
            ("thing-1/a", EPOCH, 0o644),
            ("thing-1/b", EPOCH, 0o644),
        ]
        taken = archive.extractfile("thing-1/b")
        assert taken is not None
        assert taken.read() == b"b"


def test_the_time_is_that_of_the_newest_commit_or_the_one_that_is_set() -> None:
    said = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=build_dist.ROOT, capture_output=True, check=True)
    assert build_dist.source_date({}) == int(said.stdout)
    assert build_dist.source_date({"SOURCE_DATE_EPOCH": "1800000000"}) == EPOCH


@pytest.mark.parametrize("said", ["", "yesterday", "-1", "0"])
def test_a_time_that_no_archive_can_hold_is_refused(said: str) -> None:
    with pytest.raises(build_dist.Unbuilt, match="set SOURCE_DATE_EPOCH"):
        build_dist.source_date({"SOURCE_DATE_EPOCH": said})


def test_only_what_git_tracks_is_built_with_modes_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout, target = tmp_path / "checkout", tmp_path / "target"
    checkout.mkdir()
    for name, mode in (("kept.py", 0o600), ("tool.sh", 0o700), ("stray.py", 0o644)):
        (checkout / name).write_text(name)
        (checkout / name).chmod(mode)
    subprocess.run(["git", "init", "-q"], cwd=checkout, check=True)
    subprocess.run(["git", "add", "kept.py", "tool.sh"], cwd=checkout, check=True)
    monkeypatch.setattr(build_dist, "ROOT", checkout)
    build_dist.export(build_dist.tracked(), target)
    assert {file.name: file.stat().st_mode & 0o777 for file in target.iterdir()} == {
        "kept.py": 0o644,
        "tool.sh": 0o755,
    }


def test_the_wheel_of_unpacked_sources_is_made_of_what_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyproject.toml", "daemon/app.py", "daemon/__pycache__/app.pyc", "docs/index.md", "dist/old.whl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(build_dist, "ROOT", tmp_path)
    built: list[list[str]] = []

    def wheel(source: Path, _: Path) -> None:
        built.append(sorted(file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()))

    monkeypatch.setattr(build_dist, "wheel", wheel)
    assert build_dist.main(["--wheel", str(tmp_path / "out")]) == 0
    assert built == [["daemon/app.py", "pyproject.toml"]]


def test_a_release_is_built_from_a_checkout_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build_dist, "ROOT", tmp_path)
    assert build_dist.main([str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"build_dist: {tmp_path} is no git checkout\n"


def test_every_file_of_the_wheel_has_the_same_time_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def run(command: list[str], *, env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        told.append(env["SOURCE_DATE_EPOCH"])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
    monkeypatch.setattr(subprocess, "run", run)
    build_dist.wheel(tmp_path, tmp_path)
    assert told == [str(build_dist.EARLIEST)]
