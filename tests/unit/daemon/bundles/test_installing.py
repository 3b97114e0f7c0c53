"""Bundles that somebody brings: whole, in their place and read-only, or not there at all."""

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.installed_bundles import write_version

from hounsfield.daemon.bundles import files as bundle_files
from hounsfield.daemon.bundles.installed import InstalledBundles, InstallRefused
from hounsfield.daemon.bundles.installing import install
from hounsfield.model.errors import BundleError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_version(tmp_path / "source").folder


@pytest.fixture
def bundles(tmp_path: Path) -> InstalledBundles:
    return InstalledBundles(tmp_path / "home" / "bundles")


def passes(folder: Path) -> None:
    assert (folder / "manifest.toml").is_file()


def zipped(path: Path, members: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda _: None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            change(info)
            archive.writestr(info, content)
    return path


def members_of(folder: Path, top: str = "") -> dict[str, bytes]:
    return {top + f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def leftovers(bundles: InstalledBundles) -> list[str]:
    return [path.name for path in bundles.folder.iterdir() if path.name != ".lock"]


def test_a_folder_is_installed_under_name_version_and_digest_read_only(bundles: InstalledBundles, source: Path) -> None:
    bundle = install(source, bundles, passes)
    assert bundle.folder == bundles.folder / "tiny" / f"0.1.0-{bundle.sha256[:8]}"
    paths = [bundle.folder, *bundle.folder.rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o222 for path in paths} == {0}
    assert [(place.name, place.version) for place in bundles.places()] == [("tiny", "0.1.0")]
    assert leftovers(bundles) == ["tiny"]


@pytest.mark.parametrize("top", ["", "my-model/"])
def test_an_archive_holds_the_bundle_at_its_top_or_in_its_one_folder(
    bundles: InstalledBundles, source: Path, tmp_path: Path, top: str
) -> None:
    archive = zipped(tmp_path / "b.zip", members_of(source, top))
    assert members_of(install(archive, bundles, passes).folder) == members_of(source)


def test_the_same_content_twice_is_no_error_and_other_content_is_refused(
    bundles: InstalledBundles, source: Path, tmp_path: Path
) -> None:
    first = install(source, bundles, passes)
    assert install(source, bundles, passes) == first
    other = write_version(tmp_path / "other", title="Another one").folder
    with pytest.raises(InstallRefused, match=r"tiny 0\.1\.0 is installed already, with other content"):
        install(other, bundles, passes)
    assert len(bundles.places()) == 1


def test_two_versions_lie_side_by_side_and_each_is_found_by_its_digest(
    bundles: InstalledBundles, source: Path, tmp_path: Path
) -> None:
    one = install(source, bundles, passes)
    two = install(write_version(tmp_path / "two", version="0.2.0").folder, bundles, passes)
    assert bundles.exact(one.sha256) == one
    assert bundles.exact(two.sha256) == two
    assert bundles.exact("0" * 64) is None


def test_a_bundle_that_fails_its_self_test_is_not_there(bundles: InstalledBundles, source: Path) -> None:
    def fails(_: Path) -> None:
        raise InstallRefused("its scores differ")

    with pytest.raises(InstallRefused, match="scores differ"):
        install(source, bundles, fails)
    assert leftovers(bundles) == []


def test_lint_errors_name_the_file_as_the_person_knows_it(bundles: InstalledBundles, source: Path) -> None:
    (source / "model.keras").write_bytes(b"other")
    with pytest.raises(InstallRefused, match=r"source: model\.keras: was changed") as refused:
        install(source, bundles, passes)
    assert ".incoming" not in str(refused.value)
    assert leftovers(bundles) == []


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", "C:evil", "a\nb", "x" * 300, "golden/\x1b[2J"]
)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(
    bundles: InstalledBundles, source: Path, tmp_path: Path, name: str
) -> None:
    archive = zipped(tmp_path / "b.zip", {**members_of(source), name: b"evil"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InstallRefused, match="is no plain name") as refused:
        install(archive, bundles, passes)
    assert str(refused.value).isprintable()
    assert leftovers(bundles) == []
    assert {path.name for path in set(tmp_path.rglob("*")) - set(before)} == {"home", "bundles", ".lock"}


def test_links_in_archives_and_folders_are_refused(bundles: InstalledBundles, source: Path, tmp_path: Path) -> None:
    def link(info: zipfile.ZipInfo) -> None:
        if info.filename == "LICENSE":
            info.external_attr = (stat.S_IFLNK | 0o777) << 16

    archive = zipped(tmp_path / "b.zip", {**members_of(source), "LICENSE": b"/etc/passwd"}, link)
    with pytest.raises(InstallRefused, match="'LICENSE' is a link"):
        install(archive, bundles, passes)
    (source / "LICENSE").symlink_to("/etc/passwd")
    with pytest.raises(InstallRefused, match=r"LICENSE.*no links"):
        install(source, bundles, passes)


def test_an_archive_that_would_fill_the_disk_is_refused_by_what_it_announces(
    bundles: InstalledBundles, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zipped(tmp_path / "b.zip", members_of(source))
    monkeypatch.setattr(bundle_files, "MOST_BYTES", 1000)
    for given in (archive, source):
        with pytest.raises(InstallRefused, match="too much for a bundle"):
            install(given, bundles, passes)
    monkeypatch.undo()
    monkeypatch.setattr(bundle_files, "MOST_FILES", 2)
    with pytest.raises(InstallRefused, match="3 files"):
        install(archive, bundles, passes)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06 no archive", b"text"])
def test_what_is_no_bundle_is_said_to_be_none(bundles: InstalledBundles, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "thing").write_bytes(content)
    with pytest.raises(InstallRefused, match="is no bundle"):
        install(tmp_path / "thing", bundles, passes)
    with pytest.raises(InstallRefused, match=r"has no manifest\.toml"):
        install(tmp_path, bundles, passes)


def test_a_damaged_archive_is_said_to_be_damaged(bundles: InstalledBundles, source: Path, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "b.zip", members_of(source))
    content = archive.read_bytes()
    at = content.index(b"golden") + 100
    archive.write_bytes(content[:at] + b"\0" * 50 + content[at + 50 :])
    with pytest.raises(InstallRefused, match=r"b\.zip: is damaged"):
        install(archive, bundles, passes)
    assert leftovers(bundles) == []


def test_an_installed_bundle_that_was_changed_on_disk_is_an_error(bundles: InstalledBundles, source: Path) -> None:
    bundle = install(source, bundles, passes)
    model = bundle.folder / "model.keras"
    model.chmod(0o644)
    model.write_bytes(b"other")
    with pytest.raises(BundleError, match="was changed"):
        bundles.exact(bundle.sha256)
    with pytest.raises(InstallRefused, match="was changed since"):
        install(source, bundles, passes)


def test_what_a_killed_installation_left_goes_with_the_next_one(bundles: InstalledBundles, source: Path) -> None:
    (bundles.folder / ".incoming-dead" / "golden").mkdir(parents=True)
    (bundles.folder / ".incoming-dead" / "golden").chmod(0o555)
    install(source, bundles, passes)
    assert leftovers(bundles) == ["tiny"]


def test_a_removed_version_is_gone_with_its_folder(bundles: InstalledBundles, source: Path) -> None:
    install(source, bundles, passes)
    with bundles.changing():
        bundles.remove(bundles.places()[0])
    assert leftovers(bundles) == []


def test_a_bundle_put_there_by_hand_is_not_mixed_with_an_installed_one(bundles: InstalledBundles, source: Path) -> None:
    write_version(bundles.folder / "tiny")
    with pytest.raises(InstallRefused, match="put there by hand"):
        install(source, bundles, passes)
    assert bundles.places() == []
