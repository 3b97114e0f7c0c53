from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import deaths, layouts
from support.ct_factory import ct_slice, enhanced, write

from hounsfield.model.bundle import bundled
from hounsfield.model.data import check as checking
from hounsfield.model.data import parallel
from hounsfield.model.data.check import check
from hounsfield.model.data.config import DataSet
from hounsfield.model.data.examine import SeriesTask
from hounsfield.model.data.parallel import in_order
from hounsfield.model.data.prepare import Unclean, prepare
from hounsfield.model.data.prepared import Prepared
from hounsfield.model.data.preprocessing import default_windows, preprocessing_of, read_preprocessing, windowed
from hounsfield.model.data.report import write_report
from hounsfield.model.decoding.decoder import Decoder
from hounsfield.model.errors import DataError, DecoderUnavailable
from hounsfield.model.headers import read_slices
from hounsfield.model.preprocess import PreprocessingSpec, Preprocessor
from hounsfield.model.volume import VolumeReader

SPEC = windowed(32, ((40.0, 80.0), (80.0, 200.0)))
IN_MM = PreprocessingSpec.model_validate(
    {
        "name": "fov",
        "steps": [
            {"name": "padding"},
            {"name": "field-of-view", "size_mm": 240.0, "pixels": 32},
            {"name": "windows", "windows": [{"centre": 40, "width": 80}]},
        ],
    }
)


def prepared(
    data: DataSet, folder: Path, spec: PreprocessingSpec = SPEC, unclean: Unclean = Unclean.REFUSE
) -> Prepared:
    return prepare(data, folder, spec, unclean=unclean, processes=0)


def as_the_daemon_reads(folder: Path, root: Path, names: list[str]) -> Iterator[np.ndarray]:
    headers = [
        header
        for name in names
        for header in read_slices(root / name.split("#")[0])
        if "#" not in name or header.frame == int(name.split("#")[1])
    ]
    with (
        Decoder(seconds=60, memory_bytes=1 << 32, threads=1) as decoder,
        VolumeReader(folder=folder, decoder=decoder, reserve_bytes=0).open(headers) as volume,
    ):
        for header, hu in zip(volume.headers, volume.stream(), strict=True):
            assert header.pixel_spacing is not None
            yield Preprocessor.from_spec(IN_MM).tensor(hu, header.pixel_spacing)


def test_tensors_are_what_the_daemon_makes_of_the_same_files(tmp_path: Path) -> None:
    root = tmp_path / "set"
    data = layouts.series_folders(root)
    series = [ct_slice(layouts.hu_of(50 + k), z=5.0 * k, name="e", PatientID="P-e") for k in range(5)]
    write(enhanced(series), root / "e" / "all.dcm")
    with (root / "series.csv").open("a", encoding="utf-8") as stream:
        stream.write("e,1\n")
    made = prepared(data, tmp_path / "out", IN_MM)
    names = [str(name) for name in made.index.names]
    assert names[-5:] == [f"e/all.dcm#{frame}" for frame in range(1, 6)]
    expected = np.stack(list(as_the_daemon_reads(tmp_path, root, names))).astype(np.float16)
    assert np.array_equal(made.tensors, expected)
    assert made.tensors.std() > 0.1


def test_the_index_says_what_the_tables_say(tmp_path: Path) -> None:
    made = prepared(layouts.series_folders(tmp_path / "set"), tmp_path / "out")
    assert (made.about.slices, made.about.series, made.about.shape) == (24, 4, (32, 32, 2))
    assert made.about.clean
    assert made.index.series_truth[:, 0].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert made.index.truth[6:12, 0].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    assert made.index.position_mm[:6].tolist() == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
    assert len(set(made.index.patient.tolist())) == 4
    assert set(made.index.scanner.tolist()) == {"Hounsfield tests"}


def test_two_processes_write_the_same_bytes_as_none(tmp_path: Path) -> None:
    data = layouts.series_folders(tmp_path / "set")
    told: list[tuple[str, int, int]] = []
    prepare(data, tmp_path / "two", SPEC, processes=2, progress=lambda *one: told.append(one))
    prepared(data, tmp_path / "none")
    for name in ("tensors.f16", "index.npz"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "none" / name).read_bytes()
    assert {what: (done, total) for what, done, total in told} == {
        "listing files": (0, 0), "reading headers": (24, 24), "looking at images": (24, 24), "preparing": (24, 24),
    }  # fmt: skip


def test_grey_values_become_hu_of_the_declared_range(tmp_path: Path) -> None:
    values = np.zeros((32, 32), np.uint8)
    values[:, 16:], values[0, 0] = 255, 51
    (tmp_path / "set").mkdir()
    layouts.save_picture(tmp_path / "set" / "a.png", values)
    layouts.write_table(tmp_path / "set" / "labels.csv", ("file", "bleed"), [("a.png", 1)])
    data = layouts.images_config(tmp_path / "set", image_range=[0, 80])
    assert default_windows(data) == ((40.0, 80.0),)
    made = prepared(data, tmp_path / "out", windowed(32, default_windows(data)))
    assert made.tensors[0, :, :, 0].max() == 1.0
    assert made.tensors[0, 5, 3, 0] == 0.0
    assert made.tensors[0, 0, 0, 0] == pytest.approx(16 / 80, abs=1e-3)


def test_an_unclean_data_set_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    data = layouts.series_folders(tmp_path / "set")
    (tmp_path / "set" / "a" / "01.dcm").write_bytes(b"")
    with pytest.raises(DataError, match=r"data.toml: the data set is not clean: 1 unreadable; .*--leave-out"):
        prepared(data, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_what_is_not_clean_can_be_left_out(tmp_path: Path) -> None:
    data = layouts.series_folders(tmp_path / "set")
    (tmp_path / "set" / "a" / "01.dcm").write_bytes(b"")
    made = prepared(data, tmp_path / "out", unclean=Unclean.LEAVE_OUT)
    assert (made.about.slices, made.about.clean) == (23, True)


def test_what_is_not_clean_can_be_taken_and_the_result_says_so(tmp_path: Path) -> None:
    data = layouts.series_folders(tmp_path / "set")
    (tmp_path / "set" / "a" / "01.dcm").write_bytes(b"")
    (tmp_path / "set" / "b" / "01.dcm").write_bytes((tmp_path / "set" / "b" / "02.dcm").read_bytes())
    made = prepared(data, tmp_path / "out", unclean=Unclean.TAKE)
    assert (made.about.slices, made.about.clean) == (23, False)


def test_the_clean_manifest_of_an_earlier_check_is_taken_as_it_is(tmp_path: Path) -> None:
    data = layouts.series_folders(tmp_path / "set")
    (tmp_path / "set" / "a" / "01.dcm").write_bytes(b"")
    write_report(tmp_path / "checked", check(data, processes=0), title="Set")
    made = prepare(data, tmp_path / "out", SPEC, checked=tmp_path / "checked", processes=0)
    assert (made.about.slices, made.about.clean) == (23, True)
    assert made.index.series_truth[:, 0].tolist() == [0.0, 1.0, 0.0, 1.0]


def test_a_file_that_has_changed_since_the_check_is_named(tmp_path: Path) -> None:
    data = layouts.series_folders(tmp_path / "set")
    write_report(tmp_path / "checked", check(data, processes=0), title="Set")
    write(ct_slice(layouts.hu_of(999)), tmp_path / "set" / "a" / "01.dcm")
    with pytest.raises(DataError, match=r"a/01.dcm: has changed since the data set was checked"):
        prepare(data, tmp_path / "out", SPEC, checked=tmp_path / "checked", processes=0)
    (tmp_path / "set" / "a" / "01.dcm").unlink()
    with pytest.raises(DataError, match=r"a/01.dcm: cannot be read any more"):
        prepare(data, tmp_path / "out", SPEC, checked=tmp_path / "checked", processes=0)
    assert not list(tmp_path.glob("out*"))


def test_a_clean_manifest_that_leads_out_of_the_data_set_is_refused(tmp_path: Path) -> None:
    data = layouts.series_folders(tmp_path / "set")
    write_report(tmp_path / "checked", check(data, processes=0), title="Set")
    table = tmp_path / "checked" / "clean.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("a/06.dcm", "../../06.dcm"), encoding="utf-8")
    with pytest.raises(DataError, match=r"clean.csv row 2 is damaged"):
        prepare(data, tmp_path / "out", SPEC, checked=tmp_path / "checked", processes=0)


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(what: str, done: int, _total: int) -> None:
        if what == "preparing" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(layouts.series_folders(tmp_path / "set"), tmp_path / "out", SPEC, processes=0, progress=stop)
    assert not list(tmp_path.glob("out*"))


def test_what_is_there_already_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="is there already"):
        prepared(layouts.series_folders(tmp_path / "set"), tmp_path / "out")


def test_pictures_without_a_spacing_are_refused_where_mm_are_needed(tmp_path: Path) -> None:
    layouts.images(tmp_path / "set")
    with pytest.raises(DataError, match=r"has no pixel spacing, and preprocessing fov measures in mm"):
        prepared(layouts.images_config(tmp_path / "set"), tmp_path / "out", IN_MM)
    made = prepared(layouts.images_config(tmp_path / "set", pixel_mm=7.5), tmp_path / "out", IN_MM)
    assert made.about.slices == 5


def test_phantoms_are_drawn_as_configured(tmp_path: Path) -> None:
    data = layouts.described(tmp_path, layout="phantoms", heads=1, seed=3)
    made = prepared(data, tmp_path / "out", windowed(16, ((40.0, 80.0),)))
    assert (made.about.series, made.about.clean, made.about.has_maps) == (1, True, True)
    with pytest.raises(DataError, match="phantoms are generated"):
        check(data, processes=0)


def test_preprocessing_comes_from_a_file_or_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text('[preprocessing]\nname = "x"\nsteps = [{ name = "resize", pixels = 16 }]\n')
    assert read_preprocessing(tmp_path / "spec.toml").name == "x"
    assert preprocessing_of(bundled()).steps
    (tmp_path / "spec.toml").write_text('[preprocessing]\nname = "x"\nsteps = [{ name = "resize", pixels = 1 }]\n')
    with pytest.raises(DataError, match=r"spec.toml: preprocessing.steps\[0\].pixels: Input should be greater"):
        read_preprocessing(tmp_path / "spec.toml")


def test_preprocessing_that_leaves_images_of_different_sizes_is_refused(tmp_path: Path) -> None:
    spec = PreprocessingSpec.model_validate({"name": "raw", "steps": [{"name": "padding"}]})
    with pytest.raises(DataError, match="needs a step that makes all images one size"):
        prepared(layouts.series_folders(tmp_path / "set"), tmp_path / "out", spec)


def test_a_task_that_ends_its_process_takes_no_other_with_it() -> None:
    assert list(in_order(deaths.squared_or_dead, range(5), 2, lambda number: -number)) == [0, 1, 4, -3, 16]


def test_files_whose_reading_ends_the_process_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = layouts.series_folders(tmp_path / "set")

    def dying(tasks: list[SeriesTask], *_: object) -> Iterator[object]:
        yield from checking.unexamined(tasks[:1])
        yield from checking.examine(tasks[1:])

    monkeypatch.setattr(checking, "_examined", dying)
    checked = check(data, processes=0)
    assert {problem.file for problem in checked.problems} == {f"a/{number:02}.dcm" for number in range(1, 7)}
    assert len(checked.kept) == 18


def test_processes_that_do_not_start_are_no_fault_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_begin", deaths.dead)
    with pytest.raises(DecoderUnavailable, match="do not start"):
        list(in_order(deaths.squared_or_dead, range(2), 1, lambda number: -number))
