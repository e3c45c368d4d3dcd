"""Maps of mirror images are told from those of the sample, for every way in which a graph turns them over."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from featx.errors import NoExactSum
from featx.graphs.mirrored import mirrored_axes

STEPS = {
    "starts": [-1],
    "ends": [-(2**62)],
    "width": [3],
    "last": [-1],
    "height": [2],
    "back": [-1],
    "two": [2],
    "zero": [0],
    "far": [2**62],
}


def flip(given, made, axis="width", step="back"):
    return helper.make_node("Slice", [given, "starts", "ends", axis, step], [made])


def axes_of(*nodes):
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    constants = [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in STEPS.items()]
    constants.append(numpy_helper.from_array(np.ones((4, 3, 1, 1), np.float32), "w"))
    graph = helper.make_graph(list(nodes), "g", [image], [made], constants)
    [axes] = mirrored_axes(helper.make_model(graph).SerializeToString()).values()
    return axes


CONV = helper.make_node("Conv", ["f", "w"], ["y"])


def test_a_picture_that_is_not_turned_over_lies_as_it_is():
    assert axes_of(helper.make_node("Conv", ["x", "w"], ["y"])) == frozenset()
    part = helper.make_node("Slice", ["x", "zero", "far", "width", "two"], ["f"])
    assert axes_of(part, CONV) == frozenset()


@pytest.mark.parametrize(("axis", "found"), [("width", 3), ("last", 3), ("height", 2)])
def test_the_axis_of_a_negative_step_is_turned_over(axis, found):
    assert axes_of(flip("x", "f", axis), CONV) == {found}


def test_what_is_turned_twice_lies_as_the_picture():
    assert axes_of(flip("x", "a"), flip("a", "f"), CONV) == frozenset()


def test_axes_follow_a_transposition():
    turn = helper.make_node("Transpose", ["f"], ["y"], perm=[0, 3, 2, 1])
    assert axes_of(flip("x", "f"), turn) == {1}


def test_channels_in_another_order_are_no_mirror_image():
    nodes = (
        helper.make_node("Transpose", ["x"], ["a"], perm=[0, 2, 3, 1]),
        flip("a", "b", "last"),
        helper.make_node("Transpose", ["b"], ["f"], perm=[0, 3, 1, 2]),
    )
    assert axes_of(*nodes, CONV) == frozenset()


def test_a_map_that_joins_both_ways_is_no_sum_over_places():
    with pytest.raises(NoExactSum, match="joins the sample and its mirror image"):
        axes_of(flip("x", "f"), helper.make_node("Add", ["x", "f"], ["y"]))
