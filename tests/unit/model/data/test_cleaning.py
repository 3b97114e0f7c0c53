"""Each thing that can be wrong is put into a clean data set: it is found, and nothing else is."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from support import layouts
from support.ct_factory import ct_slice, uid, write

from hounsfield.model.data.balance import balance, summary
from hounsfield.model.data.check import Checked, check
from hounsfield.model.data.problems import MEANING, Kind
from hounsfield.model.data.report import html, write_report
from hounsfield.model.data.rows import read_clean
from hounsfield.model.errors import DataError

ALL = 4 * layouts.SLICES
Spoil = Callable[[Path], object]


def edited(path: Path, **attributes: object) -> None:
    dataset = dcmread(path)
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)


def edited_folder(folder: Path, **attributes: object) -> None:
    for path in folder.iterdir():
        edited(path, **attributes)


def appended(table: Path, *rows: str) -> None:
    with table.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{row}\n" for row in rows)


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def blank(path: Path) -> None:
    edited(path, PixelData=bytes(2 * 64 * 64))


def copied(root: Path, source: str, target: str, row: str = "", **attributes: object) -> None:
    dataset = dcmread(root / source)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.save_as(root / target)
    if row:
        appended(root / "slices.csv", row)


def gone(root: Path) -> None:
    for number in (3, 4):
        (root / "a" / f"{number:02}.dcm").unlink()
    text = (root / "slices.csv").read_text(encoding="utf-8").replace("a/03.dcm,0\n", "").replace("a/03.dcm,0\r\n", "")
    (root / "slices.csv").write_text(text.replace("a/04.dcm,0\r\n", "").replace("a/04.dcm,0\n", ""), encoding="utf-8")


def linked(root: Path) -> None:
    outside = root.parent / f"outside-{root.name}.dcm"
    write(ct_slice(layouts.hu_of(77)), outside)
    (root / "a" / "99.dcm").symlink_to(outside)


CASES: dict[str, tuple[Spoil, dict[Kind, int], int]] = {
    "cut off": (lambda r: (r / "a/01.dcm").write_bytes((r / "a/01.dcm").read_bytes()[:-100]), {Kind.UNREADABLE: 1}, 1),
    "no DICOM": (lambda r: (r / "a/01.dcm").write_text("hello", encoding="utf-8"), {Kind.UNREADABLE: 1}, 1),
    "empty": (lambda r: (r / "a/01.dcm").write_bytes(b""), {Kind.UNREADABLE: 1}, 1),
    "a link out of the data set": (linked, {Kind.OUTSIDE: 1}, 0),
    "another modality": (lambda r: edited(r / "a/01.dcm", Modality="MR"), {Kind.WRONG_MODALITY: 1}, 1),
    "no rescale": (lambda r: edited(r / "a/01.dcm", RescaleSlope=None), {Kind.NOT_HU: 1}, 1),
    "not HU": (lambda r: edited(r / "a/01.dcm", RescaleType="US"), {Kind.NOT_HU: 1}, 1),
    "lossy": (lambda r: edited(r / "a/01.dcm", LossyImageCompression="01"), {Kind.LOSSY: 1}, 1),
    "blank": (lambda r: blank(r / "a/01.dcm"), {Kind.BLANK: 1}, 1),
    "a localizer": (
        lambda r: edited(r / "a/01.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), {Kind.LOCALIZER: 1}, 1,
    ),
    "no position": (
        lambda r: edited(r / "a/01.dcm", ImagePositionPatient=None), {Kind.GEOMETRY: layouts.SLICES}, layouts.SLICES,
    ),
    "no spacing": (lambda r: edited(r / "a/01.dcm", PixelSpacing=None), {Kind.GEOMETRY: 1}, 1),
    "different images at one position": (
        lambda r: edited(r / "a/01.dcm", ImagePositionPatient=[-120, -120, 20]),
        {Kind.GEOMETRY: layouts.SLICES, Kind.GAP: 0}, layouts.SLICES,
    ),
    "a slice missing": (gone, {Kind.GAP: 1}, 2),
    "two patients": (
        lambda r: edited(r / "a/01.dcm", PatientID="another"), {Kind.MIXED_PATIENTS: layouts.SLICES}, layouts.SLICES,
    ),
    "a wrong intercept": (
        lambda r: edited_folder(r / "a", RescaleIntercept="0"), {Kind.IMPLAUSIBLE_HU: layouts.SLICES}, layouts.SLICES,
    ),
    "the same file again": (
        lambda r: copied(r, "a/01.dcm", "a/11.dcm", "a/11.dcm,0"), {Kind.DUPLICATE: 1}, 0,
    ),
    "the same pixels under another UID": (
        lambda r: copied(r, "a/01.dcm", "a/11.dcm", "a/11.dcm,0", SOPInstanceUID=uid("new")), {Kind.DUPLICATE: 1}, 0,
    ),
    "the same pixels of another patient": (
        lambda r: edited(r / "c/01.dcm", PixelData=dcmread(r / "a/01.dcm").PixelData),
        {Kind.DUPLICATE_ACROSS_PATIENTS: 1}, 1,
    ),
    "the same pixels with other labels": (
        lambda r: edited(r / "b/01.dcm", PixelData=dcmread(r / "a/01.dcm").PixelData), {Kind.LABEL_CONFLICT: 2}, 2,
    ),
    "two rows that contradict each other": (
        lambda r: appended(r / "slices.csv", "a/01.dcm,1"), {Kind.LABEL_CONFLICT: 1}, 1,
    ),
    "a row that stands there twice": (lambda r: appended(r / "slices.csv", "a/01.dcm,0"), {Kind.REPEATED_ROW: 1}, 0),
    "a series without and a slice with": (
        lambda r: replaced(r / "slices.csv", "a/01.dcm,0", "a/01.dcm,1"),
        {Kind.LABEL_CONFLICT: layouts.SLICES}, layouts.SLICES,
    ),
    "a label that is no label": (
        lambda r: replaced(r / "slices.csv", "a/01.dcm,0", "a/01.dcm,maybe"), {Kind.BAD_LABEL: 1}, 1,
    ),
    "a row about nothing": (lambda r: appended(r / "slices.csv", "a/77.dcm,0"), {Kind.LABEL_WITHOUT_FILE: 1}, 0),
    "a row that leads out": (lambda r: appended(r / "slices.csv", "../secret.dcm,0"), {Kind.OUTSIDE: 1}, 0),
    "a row with a path of the machine": (lambda r: appended(r / "slices.csv", "/etc/passwd,0"), {Kind.OUTSIDE: 1}, 0),
    "a row with a drive": (lambda r: appended(r / "series.csv", "C:\\images,0"), {Kind.OUTSIDE: 1}, 0),
    "files without a label": (
        lambda r: (r / "a").rename(r / "unknown") and replaced(r / "series.csv", "a,0", "b,1"),
        {Kind.FILE_WITHOUT_LABEL: layouts.SLICES, Kind.LABEL_WITHOUT_FILE: layouts.SLICES, Kind.REPEATED_ROW: 1},
        layouts.SLICES,
    ),
    "another reconstruction": (
        lambda r: [edited(r / "a" / f"{k:02}.dcm", ConvolutionKernel="BONE") for k in (1, 3, 5)],
        {Kind.OTHER_SERIES: 3}, 3,
    ),
}  # fmt: skip


def looked_at(root: Path, **more: object) -> Checked:
    return check(layouts.series_config(root, **more), processes=0)


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_found_and_only_that(name: str, tmp_path: Path) -> None:
    spoil, expected, lost = CASES[name]
    root = tmp_path / "set"
    layouts.series_folders(root)
    spoil(root)
    checked = looked_at(root)
    assert checked.counts() == {kind: count for kind, count in expected.items() if count}
    assert len(checked.kept) == ALL - lost


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(victims=st.sets(st.tuples(st.sampled_from("abcd"), st.integers(1, layouts.SLICES)), min_size=1, max_size=4))
def test_however_many_files_are_broken_they_alone_are_missing(
    victims: set[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("set")
    layouts.series_folders(root)
    names = {f"{folder}/{number:02}.dcm" for folder, number in victims}
    for name in names:
        (root / name).write_bytes((root / name).read_bytes()[:3000])
    checked = looked_at(root)
    assert {problem.file for problem in checked.problems if problem.kind is Kind.UNREADABLE} == names
    assert {row.file for row in checked.kept} == {row.file for row in checked.rows} - names


def test_the_first_of_two_copies_stays(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    copied(tmp_path, "a/01.dcm", "a/00.dcm", "a/00.dcm,0", SOPInstanceUID=uid("new"))
    checked = looked_at(tmp_path)
    (problem,) = checked.problems
    assert (problem.file, problem.words) == ("a/01.dcm", "Has the same pixels as a/00.dcm.")


def test_what_is_accepted_is_listed_and_stays(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    edited(tmp_path / "a/01.dcm", LossyImageCompression="01")
    checked = looked_at(tmp_path, accept=["lossy"])
    assert checked.clean
    assert checked.counts() == {Kind.LOSSY: 1}
    assert len(checked.kept) == ALL


def test_another_anatomy_need_not_look_like_a_head(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    edited_folder(tmp_path / "a", RescaleIntercept="0")
    assert looked_at(tmp_path, anatomy="other").clean


def test_a_series_unlike_the_rest_is_noted(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path, count=9)
    for k, dataset in enumerate(layouts.head_series("j", 20, slices=layouts.SLICES * 3)):
        write(dataset, tmp_path / "j" / f"{k}.dcm")
    appended(tmp_path / "series.csv", "j,0")
    checked = looked_at(tmp_path)
    assert checked.clean
    (problem,) = checked.problems
    assert (problem.kind, problem.words) == (Kind.SIZE_OUTLIER, "Its series has 18 slices.")


def test_a_matrix_unlike_the_rest_is_noted(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path, count=8)
    for k in range(layouts.SLICES):
        write(ct_slice(layouts.hu_of(900 + k, 80), z=5.0 * k, name="z", PatientID="P-z"), tmp_path / "z" / f"{k}.dcm")
    appended(tmp_path / "series.csv", "z,0")
    (problem,) = looked_at(tmp_path).problems
    assert (problem.kind, problem.words) == (Kind.SIZE_OUTLIER, "Its series has a matrix of 80 x 80.")


def test_a_label_that_never_occurs_is_noted(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    for name in ("series.csv", "slices.csv"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(",1", ",0"), encoding="utf-8")
    (problem,) = looked_at(tmp_path).problems
    assert (problem.kind, problem.words) == (Kind.ONE_CLASS, "No image that stays has 1 for bleed.")


def test_a_cut_off_picture_and_a_coloured_one_are_listed(tmp_path: Path) -> None:
    layouts.images(tmp_path)
    for name in ("one.png", "three.jpg"):
        whole = (tmp_path / "pictures" / name).read_bytes()
        (tmp_path / "pictures" / name).write_bytes(whole[: len(whole) * 2 // 3])
    colours = np.random.default_rng(1).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    layouts.save_picture(tmp_path / "pictures" / "two.png", colours)
    checked = check(layouts.images_config(tmp_path), processes=0)
    assert {(p.kind, p.file) for p in checked.problems if p.kind is not Kind.ONE_CLASS} == {
        (Kind.UNREADABLE, "pictures/one.png"),
        (Kind.UNREADABLE, "pictures/three.jpg"),
        (Kind.NOT_GREY, "pictures/two.png"),
    }


def test_pictures_of_nobody_are_noted(tmp_path: Path) -> None:
    layouts.images(tmp_path)
    text = (tmp_path / "labels.csv").read_text(encoding="utf-8").replace("patient", "head")
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    checked = check(layouts.images_config(tmp_path), processes=0)
    assert checked.clean
    assert checked.counts() == {Kind.NO_PATIENT: 4}


def test_the_same_picture_as_png_and_as_another_png_is_a_copy_across_patients(tmp_path: Path) -> None:
    layouts.images(tmp_path)
    layouts.save_picture(tmp_path / "pictures" / "two.png", np.repeat(layouts.grey(0)[..., None], 3, axis=2))
    replaced(tmp_path / "labels.csv", "two.png,1", "two.png,0")
    checked = check(layouts.images_config(tmp_path), processes=0)
    assert checked.counts() == {Kind.DUPLICATE_ACROSS_PATIENTS: 1}


def test_patients_are_counted_and_never_named(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    checked = looked_at(tmp_path)
    (bleed,) = balance(checked.labels, checked.kept)
    assert (bleed.patients.positive, bleed.patients.negative) == (2, 2)
    assert (bleed.slices.positive, bleed.slices.negative) == (6, 18)
    write_report(tmp_path / "out", checked, title="Set")
    written = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())
    assert "P-a" not in written
    assert "Test^Head" not in written
    assert dcmread(tmp_path / "a/01.dcm").SeriesInstanceUID not in written


def test_another_salt_gives_other_keys_of_patients(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    one, other = ({row.patient for row in looked_at(tmp_path, salt=salt).kept} for salt in ("", "secret"))
    assert len(one) == len(other) == 4
    assert not one & other


def test_the_clean_manifest_reads_back_as_what_was_kept(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    (tmp_path / "a" / "01.dcm").rename(tmp_path / "=1.dcm")
    replaced(tmp_path / "slices.csv", "a/01.dcm", "=1.dcm")
    checked = looked_at(tmp_path, series_table=None)
    write_report(tmp_path / "out", checked, title="Set")
    labels, rows = read_clean(tmp_path / "out" / "clean.csv")
    assert labels == ("bleed",)
    assert rows == checked.kept
    assert any(row.file == "=1.dcm" for row in rows)
    assert "\n=1.dcm" not in (tmp_path / "out" / "clean.csv").read_text(encoding="utf-8")


def test_what_is_excluded_is_in_the_second_table_with_the_reason(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    (tmp_path / "a/01.dcm").write_bytes(b"")
    appended(tmp_path / "slices.csv", "a/77.dcm,0")
    write_report(tmp_path / "out", looked_at(tmp_path), title="Set")
    lines = (tmp_path / "out" / "excluded.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["file", "a/01.dcm", "slices.csv row 26"]
    assert [line.split(",")[2] for line in lines[1:]] == ["unreadable", "label-without-file"]
    assert not list((tmp_path / "out").glob(".*"))


def test_the_report_escapes_what_files_are_called(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    (tmp_path / "a" / "<script>alert(1)<.dcm").write_bytes(b"")
    page = html(looked_at(tmp_path), title="<b>")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;.dcm" in page
    assert "<title>&lt;b&gt;</title>" in page


def test_the_summary_says_how_many_and_names_the_first(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    for k in range(1, 6):
        (tmp_path / "a" / f"{k:02}.dcm").write_bytes(b"")
    told = json.loads(json.dumps(summary(looked_at(tmp_path))))
    (unreadable,) = [one for one in told["problems"] if one["kind"] == "unreadable"]
    assert (told["clean"], unreadable["count"], len(unreadable["first"])) == (False, 5, 3)


def test_a_data_set_without_files_is_refused(tmp_path: Path) -> None:
    layouts.write_table(tmp_path / "series.csv", ("folder", "bleed"), [])
    with pytest.raises(DataError, match="holds no image files"):
        looked_at(tmp_path, slice_table=None)


def test_every_kind_has_a_meaning() -> None:
    assert set(MEANING) == set(Kind)
