"""ONNX files: what is refused before they are loaded, what is said where they do not fit, and what is not imported."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from support.bundles import SIDE, golden_hu, manifest_fields
from support.predictors import slice_scores

from hounsfield.model.bundle import Bundle, ModelKind, write_bundle
from hounsfield.model.errors import BundleError
from hounsfield.model.onnx_guard import refusals
from hounsfield.model.predictor import Predictor

WHOLE = ("n", SIDE, SIDE, 1)


def graph(nodes: Sequence[Any], constants: Sequence[Any] = (), shape: Sequence[Any] = WHOLE) -> Any:
    """Return a graph from image to score."""
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))]
    outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])]
    return helper.make_graph(list(nodes), "g", inputs, outputs, list(constants))


def model(graph: Any, **more: Any) -> Any:
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("mine", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=9, **more)


def brightest(constants: Sequence[Any] = (), shape: Sequence[Any] = WHOLE) -> Any:
    """Return a model that answers with the highest value of its image; maps of any order will do."""
    sides = numpy_helper.from_array(np.array([1, 2, 3]), "sides")
    nodes = [
        helper.make_node("ReduceMax", ["image", "sides"], ["high"], keepdims=0),
        helper.make_node("Reshape", ["high", "column"], ["score"]),
    ]
    column = numpy_helper.from_array(np.array([-1, 1]), "column")
    return model(graph(nodes, [sides, column, *constants], shape))


def problems(folder: Path, content: bytes) -> list[str]:
    (folder / "model.onnx").write_bytes(content)
    return list(refusals(folder / "model.onnx"))


def bundle(folder: Path, made: Any) -> Bundle:
    return write_bundle(folder / "b", manifest_fields(), {"model.onnx": made.SerializeToString()})


def external() -> Any:
    tensor = numpy_helper.from_array(np.ones(4, np.float32), "weights")
    onnx.external_data_helper.set_external_data(tensor, "../../etc/passwd")
    tensor.ClearField("raw_data")
    return tensor


def test_a_plain_model_is_taken_and_scores(tmp_path: Path) -> None:
    served = bundle(tmp_path, brightest())
    assert served.kind is ModelKind.ONNX
    scores = slice_scores(Predictor(served, "cpu", 2), golden_hu(3), [(1.0, 1.0)] * 3)
    assert scores.shape == (3, 1)
    assert np.all(scores > 0.5)


def test_an_operator_of_another_domain_is_refused(tmp_path: Path) -> None:
    made = model(graph([helper.make_node("Run", ["image"], ["score"], domain="mine")]))
    with pytest.raises(BundleError, match=r"model\.onnx: holds the operator 'Run' of domain 'mine'"):
        bundle(tmp_path, made)


def test_an_operator_of_another_domain_is_found_inside_a_branch(tmp_path: Path) -> None:
    out = helper.make_tensor_value_info("score", TensorProto.FLOAT, None)
    inner = helper.make_graph([helper.make_node("Run", ["image"], ["score"], domain="mine")], "i", [], [out])
    branch = helper.make_node("If", ["yes"], ["score"], then_branch=inner, else_branch=inner)
    yes = numpy_helper.from_array(np.array(True), "yes")
    assert problems(tmp_path, model(graph([branch], [yes])).SerializeToString()) == [
        "holds the operator 'Run' of domain 'mine'; allowed: operators of ONNX itself"
    ]


def test_a_function_that_the_model_brings_along_is_taken(tmp_path: Path) -> None:
    body = [helper.make_node("Relu", ["x"], ["y"])]
    own = helper.make_function("mine", "Run", ["x"], ["y"], body, [helper.make_opsetid("", 18)])
    made = model(graph([helper.make_node("Run", ["image"], ["score"], domain="mine")]), functions=[own])
    assert problems(tmp_path, made.SerializeToString()) == []
    body[0].domain = "theirs"
    worse = helper.make_function("mine", "Run", ["x"], ["y"], body, [helper.make_opsetid("theirs", 1)])
    made = model(graph([helper.make_node("Run", ["image"], ["score"], domain="mine")]), functions=[worse])
    assert problems(tmp_path, made.SerializeToString()) == [
        "holds the operator 'Relu' of domain 'theirs'; allowed: operators of ONNX itself"
    ]


@pytest.mark.parametrize("where", ["initializer", "attribute", "sparse"])
def test_weights_in_other_files_are_refused(tmp_path: Path, where: str) -> None:
    made = brightest()
    if where == "initializer":
        made.graph.initializer.append(external())
    elif where == "attribute":
        made.graph.node.append(helper.make_node("Constant", [], ["unused"], value=external()))
    else:
        indices = numpy_helper.from_array(np.arange(4), "")
        made.graph.sparse_initializer.append(onnx.SparseTensorProto(values=external(), indices=indices, dims=[4]))
    with pytest.raises(BundleError, match=r"model\.onnx: holds weights in other files"):
        bundle(tmp_path, made)


def test_what_trains_is_refused(tmp_path: Path) -> None:
    made = brightest()
    made.training_info.add()
    assert "training_info" in problems(tmp_path, made.SerializeToString())[0]


@pytest.mark.parametrize("content", [b"", b"\x00", b"not a model", b"\x89HDF\r\n\x1a\n", b"\x3a\xff\xff\xff\xff\x7f"])
def test_what_is_no_onnx_model_is_refused(tmp_path: Path, content: bytes) -> None:
    assert problems(tmp_path, content) == ["is not an ONNX model"]


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=60), cut=st.integers(0, 400), change=st.integers(0, 255))
def test_no_content_of_a_file_is_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int, change: int
) -> None:
    good = bytearray(brightest([external()]).SerializeToString())
    good[cut % len(good)] = change
    folder = tmp_path_factory.mktemp("x")
    assert isinstance(problems(folder, content), list)
    assert isinstance(problems(folder, bytes(good)), list)
    assert isinstance(problems(folder, bytes(good[: cut % len(good)])), list)


def test_nesting_without_end_does_not_exhaust_the_stack(tmp_path: Path) -> None:
    def wrapped(number: int, content: bytes) -> bytes:
        length, size = len(content), b""
        while True:
            size += bytes([length & 0x7F | (0x80 if length > 0x7F else 0)])
            length >>= 7
            if not length:
                return bytes([number << 3 | 2]) + size + content

    content = b""
    for _ in range(3000):  # attribute (field 5 of a node) with a graph (field 6) with a node (field 1)
        content = wrapped(1, wrapped(5, wrapped(6, content)))
    assert problems(tmp_path, wrapped(7, content)) == []


@pytest.mark.parametrize(
    "shape", [("n", "c", "h", "w"), ("n", None, None, None), ("n", 3, SIDE, SIDE), ("n", 1, 16, 16)]
)
def test_an_input_whose_sides_do_not_tell_is_refused_with_what_is_wanted(tmp_path: Path, shape: Any) -> None:
    with pytest.raises(BundleError, match=r"either \(batch, 32, 32, 1\) or \(batch, 1, 32, 32\)"):
        Predictor(bundle(tmp_path, brightest(shape=shape)), "cpu").warm_up()


@pytest.mark.parametrize("shape", [("n", 1, "h", "w"), (None, 1, None, None), (2, 1, SIDE, SIDE), ("n", "h", "w", 1)])
def test_one_side_that_is_fixed_tells_the_order(tmp_path: Path, shape: Any) -> None:
    scores = slice_scores(Predictor(bundle(tmp_path, brightest(shape=shape)), "cpu", 4), golden_hu(3), [(1.0, 1.0)] * 3)
    assert np.all(scores > 0.5)


def test_a_model_that_the_guard_takes_and_the_library_does_not_is_refused(tmp_path: Path) -> None:
    made = model(graph([helper.make_node("NoSuchOperator", ["image"], ["score"])]))
    with pytest.raises(BundleError, match=r"model\.onnx does not load \(\w+\)"):
        Predictor(bundle(tmp_path, made), "cpu")


def test_a_model_of_two_outputs_is_refused(tmp_path: Path) -> None:
    made = brightest()
    made.graph.output.append(helper.make_tensor_value_info("high", TensorProto.FLOAT, ["n"]))
    with pytest.raises(BundleError, match="has 2 outputs; a model has one"):
        Predictor(bundle(tmp_path, made), "cpu")


def test_without_onnx_runtime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BundleError, match="install the extra `onnx`"):
        Predictor(bundle(tmp_path, brightest()), "cpu")


def test_a_worker_with_onnx_models_only_does_not_import_tensorflow(tmp_path: Path) -> None:
    served = bundle(tmp_path, brightest())
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from hounsfield.model.bundle import open_bundle\n"
        "from hounsfield.model.explain import explainer_for\n"
        "from hounsfield.model.predictor import Predictor\n"
        f"predictor = Predictor(open_bundle(Path({str(served.folder)!r})))\n"
        "predictor.analyse(np.ones((2, 64, 64), np.int16), [(1.0, 1.0)] * 2, [1.0])\n"
        "print(explainer_for(predictor).method, sorted({'tensorflow', 'keras'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "occlusion []"
