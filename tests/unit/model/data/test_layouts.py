import csv
import math
from pathlib import Path

import pytest
from support import layouts
from support.ct_factory import ct_series, enhanced, write

from hounsfield.model.data.check import Checked, check
from hounsfield.model.data.config import DataSet, read_data_config
from hounsfield.model.data.problems import Kind
from hounsfield.model.errors import DataError


def looked_at(data: DataSet) -> Checked:
    return check(data, processes=0)


def test_folders_of_series_with_both_tables_are_clean(tmp_path: Path) -> None:
    checked = looked_at(layouts.series_folders(tmp_path))
    assert checked.clean
    assert checked.counts() == {}
    assert len(checked.kept) == 4 * layouts.SLICES
    assert len({row.patient for row in checked.kept}) == 4


def test_slices_are_in_volume_order_whatever_their_files_are_called(tmp_path: Path) -> None:
    first = [row for row in looked_at(layouts.series_folders(tmp_path)).kept if row.file.startswith("a/")]
    assert [row.file for row in first] == [f"a/{number:02}.dcm" for number in range(layouts.SLICES, 0, -1)]
    assert [row.position_mm for row in first] == [5.0 * k for k in range(layouts.SLICES)]


def test_a_table_of_series_alone_leaves_slices_unknown(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    checked = looked_at(layouts.series_config(tmp_path, slice_table=None))
    assert checked.clean
    assert all(math.isnan(row.truth[0]) for row in checked.kept)
    assert {row.series_truth for row in checked.kept} == {(0.0,), (1.0,)}


def test_a_series_has_what_the_highest_of_its_slices_has(tmp_path: Path) -> None:
    layouts.series_folders(tmp_path)
    checked = looked_at(layouts.series_config(tmp_path, series_table=None))
    assert {(row.file[0], row.series_truth) for row in checked.kept} == {
        ("a", (0.0,)), ("b", (1.0,)), ("c", (0.0,)), ("d", (1.0,)),
    }  # fmt: skip


def test_rows_may_name_series_and_instances_by_uid(tmp_path: Path) -> None:
    series = layouts.head_series("a", 1)
    for k, one in enumerate(series):
        write(one, tmp_path / f"{k}.dcm")
    layouts.write_table(tmp_path / "series.csv", ("SeriesInstanceUID", "bleed"), [(series[0].SeriesInstanceUID, 1)])
    slices = [(one.SOPInstanceUID, int(k == 2)) for k, one in enumerate(series)]
    layouts.write_table(tmp_path / "slices.csv", ("SOPInstanceUID", "bleed"), slices)
    tables = {"series_table": {"key": "series-uid"}, "slice_table": {"key": "sop-uid"}}
    checked = looked_at(layouts.described(tmp_path, layout="series", labels=["bleed"], **tables))
    assert [row.truth[0] for row in checked.kept] == [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    assert {row.series_truth for row in checked.kept} == {(1.0,)}
    assert checked.counts() == {}


def test_the_label_of_a_multi_frame_file_is_that_of_its_series(tmp_path: Path) -> None:
    write(enhanced(ct_series(6)), tmp_path / "all.dcm")
    layouts.write_table(
        tmp_path / "slices.csv", ("file", "bleed"), [("all.dcm", 1), ("all.dcm#2", 1), ("all.dcm#3", 0)]
    )
    config = layouts.described(
        tmp_path, layout="series", labels=["bleed"], slice_table={"file": "slices.csv"}, accept=["duplicate"]
    )
    kept = looked_at(config).kept
    assert [row.name for row in kept] == [f"all.dcm#{frame}" for frame in range(1, 7)]
    assert [row.truth[0] for row in kept[1:3]] == [1.0, 0.0]
    assert all(math.isnan(row.truth[0]) for row in (kept[0], *kept[3:]))
    assert {row.series_truth for row in kept} == {(1.0,)}


def test_rsna_series_are_rebuilt_from_the_headers(tmp_path: Path) -> None:
    checked = looked_at(layouts.rsna(tmp_path))
    assert checked.clean
    by_series: dict[str, list[float]] = {}
    for row in checked.kept:
        by_series.setdefault(row.series, []).append(row.position_mm)
    assert list(by_series.values()) == [[0.0, 5.0, 10.0, 15.0, 20.0, 25.0]] * 3
    bleeding = [row for row in checked.kept if row.truth[0] == 1.0]
    assert [row.position_mm for row in bleeding] == [20.0, 25.0]
    assert all(row.truth == (1.0, 0.0, 0.0, 0.0, 0.0, 1.0) for row in bleeding)


def test_rsna_rows_that_stand_there_twice_are_noted_and_do_no_harm(tmp_path: Path) -> None:
    data = layouts.rsna(tmp_path)
    table = tmp_path / "stage_2_train.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([*lines, *lines[1:7]]) + "\n", encoding="utf-8")
    checked = looked_at(data)
    assert checked.clean
    assert checked.counts()[Kind.REPEATED_ROW] == 6
    assert len(checked.kept) == 3 * layouts.SLICES


def test_the_rsna_file_whose_pixels_end_too_early_is_listed_and_the_rest_stays(tmp_path: Path) -> None:
    data = layouts.rsna(tmp_path)
    victim = sorted((tmp_path / "stage_2_train").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:-500])
    checked = looked_at(data)
    assert [(p.kind, p.file) for p in checked.problems if checked.spoils(p.kind)] == [
        (Kind.UNREADABLE, f"stage_2_train/{victim.name}")
    ]
    assert len(checked.kept) == 3 * layouts.SLICES - 1


def test_cq500_takes_the_majority_and_the_best_series_of_each_head(tmp_path: Path) -> None:
    checked = looked_at(layouts.cq500(tmp_path))
    assert checked.clean
    assert checked.counts()[Kind.OTHER_SERIES] == 2 * layouts.SLICES
    assert {Path(row.file).parent.name for row in checked.kept} == {"CT Plain"}
    by_head = {row.file.split("/")[0]: row.series_truth for row in checked.kept}
    assert by_head["CQ500CT0 CQ500CT0"] == (0.0,) * 6
    assert by_head["CQ500CT1 CQ500CT1"] == (1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    assert all(math.isnan(value) for row in checked.kept for value in row.truth)
    assert len({row.patient for row in checked.kept}) == 2


def test_a_tie_of_readers_is_unknown(tmp_path: Path) -> None:
    data = layouts.cq500(tmp_path, count=2)
    table = tmp_path / "reads.csv"
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    at = rows[0].index("R3:IPH")
    rows[2][rows[0].index("R1:IPH")], rows[2][at] = "1", ""
    layouts.write_table(table, rows[0], rows[1:])
    truth = {row.file.split("/")[0]: row.series_truth for row in looked_at(data).kept}
    assert math.isnan(truth["CQ500CT1 CQ500CT1"][2])


def test_a_read_without_a_head_and_a_head_without_a_read_are_listed(tmp_path: Path) -> None:
    data = layouts.cq500(tmp_path)
    table = tmp_path / "reads.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("CQ500-CT-1,", "CQ500-CT-9,"), encoding="utf-8")
    counts = looked_at(data).counts()
    assert counts[Kind.LABEL_WITHOUT_FILE] == 1
    assert counts[Kind.FILE_WITHOUT_LABEL] == layouts.SLICES


def test_png_jpeg_and_dicom_stand_in_one_table(tmp_path: Path) -> None:
    checked = looked_at(layouts.images(tmp_path))
    assert checked.clean
    assert checked.counts() == {}
    assert sorted(row.file for row in checked.kept) == [
        "five.dcm", "pictures/four.jpeg", "pictures/one.png", "pictures/three.jpg", "pictures/two.png",
    ]  # fmt: skip


def test_pictures_of_a_series_lie_by_their_positions(tmp_path: Path) -> None:
    for k in range(3):
        layouts.save_picture(tmp_path / f"{k}.png", layouts.grey(k))
    rows = [("0.png", 1, "s", 10.0), ("1.png", 0, "s", 0.0), ("2.png", 0, "s", 5.0)]
    layouts.write_table(tmp_path / "labels.csv", ("file", "bleed", "series", "position_mm"), rows)
    kept = looked_at(layouts.images_config(tmp_path)).kept
    assert [row.file for row in kept] == ["1.png", "2.png", "0.png"]
    assert {row.series_truth for row in kept} == {(1.0,)}


def test_a_table_places_dicom_files_that_do_not_say_where_they_lie(tmp_path: Path) -> None:
    for k, dataset in enumerate(layouts.head_series("a", 1, ImagePositionPatient=None)):
        write(dataset, tmp_path / f"{k}.dcm")
    rows = [(f"{k}.dcm", k % 2, 10.0 - k) for k in range(layouts.SLICES)]
    layouts.write_table(tmp_path / "labels.csv", ("file", "bleed", "position_mm"), rows)
    checked = looked_at(layouts.images_config(tmp_path))
    assert checked.clean
    assert [row.file for row in checked.kept] == [f"{k}.dcm" for k in reversed(range(layouts.SLICES))]


def test_grey_values_need_a_declared_range(tmp_path: Path) -> None:
    layouts.images(tmp_path)
    with pytest.raises(DataError, match=r"image_range = \[HU of black, HU of white\]"):
        looked_at(layouts.described(tmp_path, layout="images", labels=["bleed"]))


def test_any_is_derived_from_the_other_labels(tmp_path: Path) -> None:
    for k in range(3):
        layouts.save_picture(tmp_path / f"{k}.png", layouts.grey(k))
    rows = [("0.png", 1, 0), ("1.png", 0, 0), ("2.png", "", 0)]
    layouts.write_table(tmp_path / "labels.csv", ("file", "a", "b"), rows)
    kept = looked_at(layouts.images_config(tmp_path, labels=["any", "a", "b"])).kept
    assert [str(row.truth[0]) for row in kept] == ["1.0", "0.0", "nan"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"layout": "kaggle"}, "data.layout: must be one of images, series, rsna-2019, cq500, phantoms"),
        ({"layout": "images"}, "data.labels: this key is required"),
        ({"layout": "images", "labels": ["a"], "tabel": "x"}, "data.tabel: unknown key; allowed: accept, anatomy"),
        ({"layout": "images", "labels": ["a", "a"]}, "data.labels: every label must be named once"),
        ({"layout": "images", "labels": ["a"], "image_range": [80, 0]}, "data.image_range: must be .HU of black"),
        ({"layout": "images", "labels": ["a"], "columns": {"b": "B"}}, "columns names what is not in labels: b"),
        ({"layout": "images", "labels": ["a"], "accept": ["unreadable"]}, "data.accept: cannot be accepted"),
        ({"layout": "images", "labels": ["a"], "root": "nowhere"}, "data.root: .* is no folder"),
        ({"layout": "series", "labels": ["a"]}, "needs series_table or slice_table, or both"),
        ({"layout": "phantoms", "heads": 0}, "data.heads: Input should be greater than or equal to 1"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_told_by_file_and_key(tmp_path: Path, table: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words) as told:
        layouts.described(tmp_path, **table)
    assert str(told.value).startswith(str(tmp_path / "data.toml"))


def test_a_missing_column_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    layouts.images(tmp_path)
    with pytest.raises(DataError, match=r"labels.csv: has no column 'tumour' \(data.columns.tumour\); its columns are"):
        looked_at(layouts.images_config(tmp_path, labels=["tumour"]))


def test_a_configuration_that_is_no_toml_is_told(tmp_path: Path) -> None:
    (tmp_path / "data.toml").write_text("[data", encoding="utf-8")
    with pytest.raises(DataError, match=r"data.toml: not TOML"):
        read_data_config(tmp_path / "data.toml")
