"""What is said of the inputs of a predictor, and what is refused of it."""

import pytest

from featx.errors import BadOption
from featx.inputs.spec import InputSpec, make_specs


@pytest.mark.parametrize(
    ("text", "columns", "kind", "backbone", "rows"),
    [
        ("photo:image", ("photo",), "image", None, None),
        ("photo:image:mobilenetv2-12", ("photo",), "image", "mobilenetv2-12", None),
        ("size: cm:number", ("size: cm",), "number", None, None),
        ("a:b:c:text:featx-text-nano", ("a:b:c",), "text", "featx-text-nano", None),
        ("note:image:text", ("note:image",), "text", None, None),
        ("emb:vector", ("emb",), "vector", None, None),
        ("emb:vector:rows/", ("emb",), "vector", None, "rows/"),
        (r"emb:vector:C:\rows", ("emb",), "vector", None, r"C:\rows"),
        (" brand :category", (" brand ",), "category", None, None),
    ],
)
def test_a_text_is_read_from_its_end_so_that_columns_may_hold_colons(
    text, columns, kind, backbone, rows
):
    spec = InputSpec.parse(text)
    assert (spec.columns, spec.kind, spec.backbone, spec.rows) == (columns, kind, backbone, rows)
    assert spec.to_text() == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("photo", "'photo': expected COLUMN:KIND, such as photo:image"),
        ("photo:picture", "'picture' is no kind"),
        ("photo:", "expected COLUMN:KIND"),
        (":image", "the column has no name"),
        (" :image", "the column has no name"),
        ("price:number:mobilenetv2-12", "a number has no backbone"),
        ("photo:image:a:b", "expected COLUMN:KIND"),
        ("x" * 2000 + ":image", "2,000 characters"),
        ("", "expected COLUMN:KIND"),
    ],
)
def test_a_text_that_names_no_input_is_refused_in_words(text, said):
    with pytest.raises(BadOption) as caught:
        InputSpec.parse(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_of_several_lines_is_one_line_where_it_is_shown():
    [spec] = make_specs(["Price\n(EUR):number"])
    assert (spec.name, spec.columns) == ("Price (EUR)", ("Price\n(EUR)",))
    assert InputSpec.parse("a\0b:number").name == r"a\x00b"


@pytest.mark.parametrize("wrong", [None, 5, ["photo:image"], b"photo:image"])
def test_what_is_no_text_is_refused(wrong):
    with pytest.raises(BadOption, match="expected"):
        InputSpec.parse(wrong)


def test_a_column_with_two_backbones_is_two_inputs_of_two_names():
    specs = make_specs({"photo": ["image", "image:mobilenetv2-12"], "price": "number"})
    assert [spec.name for spec in specs] == ["photo", "photo (mobilenetv2-12)", "price"]
    assert [spec.columns for spec in specs] == [("photo",), ("photo",), ("price",)]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "expected at least one"),
        (["photo:image", "photo:image"], "is there 2 times"),
        ("photo:image", "a kind by the name of each column"),
        ({"photo": 3}, "expected a kind"),
        ({"photo": []}, "expected a kind"),
        ({"photo": [3]}, "expected a kind"),
        ({3: "image"}, "expected texts"),
        (5, "a kind by the name of each column"),
        ([f"c{n}:number" for n in range(1001)], "1001, expected at most 1000"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(inputs, said):
    with pytest.raises(BadOption, match=said):
        make_specs(inputs)


def test_a_pair_is_one_input_at_the_place_of_its_first_column():
    specs = make_specs(["price:number", "a:text", "b:text"], [("b", "a")])
    assert [spec.name for spec in specs] == ["price", "b,a"]
    assert specs[1].is_pair
    assert specs[1].kind == "text"


@pytest.mark.parametrize(
    ("inputs", "pair", "said"),
    [
        (["a:text"], ("a", "b"), "the column 'b' is no input"),
        (["a:text", "b:image"], ("a", "b"), "cannot be compared"),
        (["a:number", "b:number"], ("a", "b"), "cannot be compared"),
        (["a:text", "b:text:other"], ("a", "b"), "cannot be compared"),
        (["a:text", "b:text"], ("a", "a"), "two columns"),
        (["a:text", "b:text"], ("a",), "two columns"),
        (["a:text", "b:text"], "ab", "two columns"),
        (["a:image", "a:image:other", "b:image"], ("a", "b"), "the column 'a' is 2 inputs"),
    ],
)
def test_a_pair_that_cannot_be_compared_is_refused(inputs, pair, said):
    with pytest.raises(BadOption, match=said):
        make_specs(inputs, [pair])
