"""Tables read as records: files, texts and values of each row, and rows that are one sample."""

import io
import json
import warnings

import numpy as np
import pytest

from featx.errors import BadOption, BadSource, FeatxWarning
from featx.inputs.reading import RecordStream, read_records, readable_of, record_columns
from featx.inputs.spec import InputSpec, make_specs
from featx.sources import Columns
from featx.sources.file_names import refusal_of
from featx.sources.frames import record_samples
from featx.sources.record_cells import find_files
from tests.support.parquet import write_hub_table

INPUTS = {"photo": "image", "caption": "text", "price": "number", "brand": "category"}
SPECS = make_specs(INPUTS)
SOLD = Columns(target=("sold",))
HEAD = "photo,caption,price,brand,sold\n"


def write(folder, text, name="goods.csv"):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names(datum):
    """Return the names of files, below the folder of the table."""
    several = datum if isinstance(datum, tuple) else (datum,)
    return [blob.name.rpartition("/")[2] for blob in several]


def test_each_row_is_a_record_of_its_columns(tmp_path):
    path = write(tmp_path / "a folder", HEAD + "p/a.jpg,red bag,3.5,acme,yes\n,, ,,no\n,x,,,no\n")
    first, _, third = read_records(path, SPECS, Columns(target=("sold",), skip=True))
    assert (first.id, first.label, third.id) == ("row 1", "yes", "row 3")
    assert dict(first.data) | {"photo": None} == {
        **{"photo": None, "caption": "red bag", "price": "3.5", "brand": "acme"}
    }
    assert first.data["photo"].path == tmp_path / "a folder" / "p" / "a.jpg"
    assert dict(third.data) == {"photo": None, "caption": "x", "price": None, "brand": None}


def test_a_row_in_which_all_is_missing_is_refused_or_a_reject(tmp_path):
    path = write(tmp_path, HEAD + "a.jpg,x,1,b,yes\n,, ,,no\n")
    said = "line 3: nothing stands in its inputs 'photo', 'caption', 'price', 'brand'"
    with pytest.raises(BadSource, match=said):
        read_records(path, SPECS, SOLD)
    samples = read_records(path, SPECS, Columns(target=("sold",), skip=True))
    assert refusal_of(samples[1].data) == said


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("a.jpg;b.jpg", ["a.jpg", "b.jpg"]),
        (" a.jpg ; b.jpg;", ["a.jpg", "b.jpg"]),
        ("one;name.jpg", ["one;name.jpg"]),
        (r"sub\a.jpg", ["a.jpg"]),
        ("a", ["a.jpg"]),
    ],
)
def test_a_cell_names_a_photo_or_several_by_the_rules_of_paths(tmp_path, cell, expected):
    (tmp_path / "sub").mkdir()
    for name in ("a.jpg", "sub/a.jpg", "one;name.jpg"):
        (tmp_path / name).write_bytes(b"x")
    path = write(tmp_path, f"photo,sold\n{cell},yes\n")
    [sample] = read_records(path, make_specs(["photo:image"]), SOLD)
    assert names(sample.data["photo"]) == expected


def test_lists_of_json_lines_are_several_photos_and_texts(tmp_path):
    rows = [
        {"photo": ["a.jpg", "b.jpg"], "caption": ["x", "y; z"]},
        {"photo": ["a.jpg"], "caption": "x; y"},
        {"photo": [], "caption": None},
        {"photo": ["a.jpg", ""], "caption": "x"},
        {"photo": 3, "caption": 5},
        {"photo": {"bytes": "a"}, "caption": True},
    ]
    path = write(tmp_path, "\n".join(map(json.dumps, rows)), "goods.jsonl")
    specs = make_specs(["photo:image", "caption:text"])
    found = [s.data for s in read_records(path, specs, Columns(skip=True))]
    assert names(found[0]["photo"]) == ["a.jpg", "b.jpg"]
    assert found[0]["caption"] == ("x", "y; z")
    assert names(found[1]["photo"]) == ["a.jpg"]
    assert found[1]["caption"] == "x; y"
    assert "nothing stands in its inputs" in refusal_of(found[2])
    assert refusal_of(found[3]["photo"]) == "one of 2 in a list is empty"
    assert refusal_of(found[4]["photo"]).endswith("found 3; numbers are photo:number")
    assert refusal_of(found[4]["caption"]).startswith("expected a text, found 5")
    assert refusal_of(found[5]["photo"]).startswith("expected the path of a file")
    assert refusal_of(found[5]["caption"]) == "expected a text, found True"


def test_two_columns_of_parquet_hold_photos_some_of_which_are_missing(tmp_path):
    content = {"bytes": b"B", "path": None}
    columns = {
        "front": [b"1", None, b"3"],
        "back": [content, {"bytes": None, "path": None}, {"bytes": None, "path": "x.jpg"}],
        "all": [[content, content], [content], None],
        "price": [1.5, None, 3.0],
        "emb": [[1.0, 2.0], [3.0, 4.0], None],
    }
    path = write_hub_table(tmp_path / "goods.parquet", columns)
    kinds = {"front": "image", "back": "image", "all": "image", "price": "number", "emb": "vector"}
    first, second, third = (s.data for s in read_records(path, make_specs(kinds)))
    assert first["front"].read() == b"1"
    assert first["back"].read() == b"B"
    assert first["all"] == (b"B", b"B")
    assert (second["front"], second["back"], second["all"]) == (None, None, b"B")
    assert third["front"].read() == b"3"
    assert third["back"].path == tmp_path / "x.jpg" or names(third["back"]) == ["x.jpg"]
    assert (third["all"], third["emb"], third["price"]) == (None, None, 3.0)


@pytest.mark.parametrize(
    ("inputs", "columns", "said"),
    [
        (
            ["Photo:image"],
            SOLD,
            "expected a column 'Photo'; found columns 'photo', 'caption', 'price'",
        ),
        (["Photo:image"], SOLD, "did you mean 'photo'?"),
        (["cost:number", "make:category"], SOLD, "expected columns 'cost', 'make'"),
        (["sold:category"], SOLD, "target 'sold': is an input, too"),
        (["photo:image"], Columns(target=("gone",)), "expected a column 'gone'"),
        (
            ["photo:image"],
            Columns(path="photo"),
            "path_column 'photo': inputs name their own columns",
        ),
        (["caption:text"], Columns(text="caption"), "text_column 'caption'"),
        (["photo:image", "photo:number"], SOLD, "the column is read as something else, too"),
    ],
)
def test_a_column_that_is_not_there_or_is_two_things_is_refused(tmp_path, inputs, columns, said):
    path = write(tmp_path, HEAD + "a.jpg,x,1,b,yes\n")
    with pytest.raises((BadSource, BadOption)) as caught:
        read_records(path, make_specs(inputs), columns)
    assert said in str(caught.value)


def test_a_column_with_a_usual_name_of_labels_may_be_an_input(tmp_path):
    path = write(tmp_path, "category,text,label\na,x,yes\n")
    [sample] = read_records(path, make_specs(["category:category", "text:text"]))
    assert (sample.label, sample.data["category"]) == ("yes", "a")
    path = write(tmp_path, "category,text\na,x\n")
    [sample] = read_records(path, make_specs(["category:category", "text:text"]))
    assert sample.label is None


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (
            "price\n3.5\n4\n",
            "price:text",
            "numbers such as '3.5'; as numbers they are 'price:number'",
        ),
        ("photo\na.jpg\nb.JPG\n", "photo:text", "look like files; these are 'photo:image'"),
    ],
)
def test_texts_that_seem_to_be_something_else_are_told(tmp_path, text, kind, said):
    with pytest.warns(FeatxWarning) as caught:
        assert len(read_records(write(tmp_path, text), make_specs([kind]))) == 2
    assert said in str(caught[0].message)


@pytest.mark.parametrize("name", ["photo.jpg", "photos"])
def test_what_is_no_table_is_refused(tmp_path, name):
    (tmp_path / "photos").mkdir()
    for path in ("photo.jpg", "photos/a.jpg"):
        (tmp_path / path).write_bytes(b"x")
    with pytest.raises(
        BadOption, match="has no columns; expected a table with photo, caption, price, brand"
    ):
        read_records(tmp_path / name, SPECS)


def test_a_folder_of_tables_gives_the_part_that_is_asked_for(tmp_path):
    for part in ("train", "test"):
        write(tmp_path, HEAD + f"a.jpg,{part},1,b,yes\n", f"{part}.csv")
    [sample] = read_records(tmp_path, SPECS, SOLD, split="test")
    assert (sample.id, sample.data["caption"]) == ("test.csv: row 1", "test")


@pytest.mark.parametrize("many", [False, True])
def test_a_json_file_is_a_record_or_a_list_of_them(tmp_path, many):
    row = {"photo": "a.jpg", "caption": None, "price": 5, "brand": "acme"}
    path = write(tmp_path, json.dumps([row, row] if many else row, indent=1), "row.json")
    samples = read_records(path, SPECS)
    assert len(samples) == 1 + many
    assert samples[0].data["price"] == 5
    assert samples[0].data["photo"].path == tmp_path / "a.jpg"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("5", "expected an object such as"),
        ("[]", "found an empty list"),
        ("[1]", "expected an object"),
        ("[" * 100_000, "nested"),
        ('{"photo": 1, "photo": 2}', "a key stands twice"),
        (
            '{"photo": "a.jpg", "cap": 1, "price": 1, "brand": 1}',
            "lacks 'caption'; has 'photo', 'cap'",
        ),
    ],
)
def test_a_json_file_that_holds_no_record_is_refused(tmp_path, text, said):
    path = write(tmp_path, text, "row.json")
    with pytest.raises(BadSource) as caught:
        read_records(path, SPECS)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def stream(text, *, skip=True, pool_by=None):
    given = RecordStream(SPECS, Columns(skip=skip), io.BytesIO(text.encode()), pool_by)
    return [sample for batch in given.batches(readable_of(SPECS)) for sample in batch]


ROW = {"photo": "a.jpg", "caption": "x", "price": 5, "brand": "acme"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_standard_input_may_be_a_table_whose_first_line_names_its_columns(separator):
    lines = [
        "price,seller,brand,caption,photo",
        "5,x,acme,red bag,a.jpg",
        '6,y,bolt,"two\nlines",b.jpg',
    ]
    found = stream("\n".join(lines).replace(",", separator) + "\n")
    assert [one.id for one in found] == ["row 1", "row 2"]
    assert found[1].data["caption"] == "two\nlines"
    assert [one.data["brand"] for one in found] == ["acme", "bolt"]
    assert names(found[0].data["photo"]) == ["a.jpg"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "photo,caption\na.jpg,x\n",
            "expected columns 'price', 'brand'; found columns 'photo', 'caption'",
        ),
        ("x,y\n1,2\n3,4\n", "a table whose first line names its columns, .*'price', .*found 'x,y'"),
        ("nope\nnope", "expected a JSON object a line, .*found 'nope'"),
        ("photo,caption,price,brand\n", "expected a row a sample, found no rows"),
        ("photo,caption,price,brand\na,b\n", "line 2: expected 4 cells, found 2"),
    ],
)
def test_a_table_on_standard_input_that_does_not_fit_is_refused_once(text, said):
    with pytest.raises(BadSource, match=said):
        stream(text, skip=False)


def test_what_a_program_says_before_its_records_is_one_reject():
    found = stream("Starting, please wait\n" + json.dumps(ROW) + "\n")
    assert [refusal_of(one.data) is None for one in found] == [False, True]


def test_a_target_that_is_not_there_is_told_with_all_columns(tmp_path):
    path = write(tmp_path, HEAD + "a.jpg,x,1,b,yes\n")
    with pytest.raises(BadSource) as refused:
        read_records(path, SPECS, Columns(target=("sale",)))
    for name in ("photo", "caption", "price", "brand", "sold"):
        assert repr(name) in str(refused.value)


def test_standard_input_gives_a_record_a_line_and_rejects_of_lines_that_are_none():
    lines = [
        json.dumps(ROW),
        "",
        "nope",
        '{"photo": "a.jpg"}',
        "[1]",
        json.dumps({**ROW, "price": 6}),
    ]
    found = stream("\n".join(lines))
    assert [one.id for one in found] == ["line 1", "line 3", "line 4", "line 5", "line 6"]
    assert [refusal_of(one.data) is None for one in found] == [True, False, False, False, True]
    assert refusal_of(found[2].data) == "lacks 'caption', 'price', 'brand'; has 'photo'"
    assert found[4].data["price"] == 6


def test_standard_input_may_be_one_json_text_over_several_lines():
    assert [one.data["price"] for one in stream(json.dumps(ROW, indent=2))] == [5]
    assert [one.id for one in stream(json.dumps([ROW, ROW], indent=2))] == ["record 1", "record 2"]


def test_standard_input_is_refused_where_nothing_or_nonsense_comes():
    with pytest.raises(BadSource, match="expected records, a JSON object a line; found none"):
        stream("\n\n")
    with pytest.raises(BadSource, match="line 1: not JSON"):
        stream("nope\n", skip=False)


def test_records_of_standard_input_that_belong_together_are_one_sample():
    rows = [{**ROW, "house": h, "photo": p} for h, p in ((1, "a.jpg"), (2, "b.jpg"), (1, "c.jpg"))]
    found = stream("\n".join(map(json.dumps, rows)), pool_by="house")
    assert [(one.id, names(one.data["photo"])) for one in found] == [
        *[("1", ["a.jpg", "c.jpg"]), ("2", ["b.jpg"])]
    ]


def test_records_have_their_own_ids_where_they_say_them():
    rows = [{**ROW, "id": name} for name in ("x", "row 9", "x")]
    assert [one.id for one in stream("\n".join(map(json.dumps, rows[:2])))] == ["x", "row 9"]


POOLED = "house,photo,caption,price,brand,sold\n"


def pooled(folder, rows, *, columns=SOLD):
    return read_records(write(folder, POOLED + rows), SPECS, columns, pool_by="house")


def test_rows_of_one_group_are_one_sample(tmp_path):
    first, second = pooled(
        tmp_path,
        "7,a.jpg,x,3,acme,yes\n8,c.jpg,y,4,bolt,no\n7,b.jpg;a.jpg,z,3.0,,yes\n7,,x,,acme,yes\n",
    )
    assert (first.id, second.id) == ("7", "8")
    assert (first.label, second.label) == ("yes", "no")
    assert names(first.data["photo"]) == ["a.jpg", "b.jpg"]
    assert first.data["caption"] == ("x", "z")
    assert (first.data["price"], first.data["brand"]) == ("3", "acme")
    assert "house" not in first.data
    assert names(second.data["photo"]) == ["c.jpg"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "7,a.jpg,x,3,acme,yes\n7,b.jpg,x,3,acme,no\n",
            "row 1 has the target 'yes' and row 2 'no'",
        ),
        ("7,a.jpg,x,3,acme,yes\n7,b.jpg,x,4,acme,yes\n", "row 1 has the price '3' and row 2 '4'"),
        (
            "7,a.jpg,x,3,acme,yes\n7,b.jpg,x,3,bolt,yes\n",
            "row 1 has the brand 'acme' and row 2 'bolt'",
        ),
        (
            "7,a.jpg,x,3,acme,yes\n,b.jpg,x,3,acme,yes\n",
            "row 2: pool_by 'house': the cell is empty",
        ),
    ],
)
def test_rows_of_one_group_that_contradict_each_other_are_refused(tmp_path, rows, said):
    with pytest.raises(BadSource) as caught:
        pooled(tmp_path, rows)
    assert said in str(caught.value)


def test_what_a_pair_compares_is_one_thing_in_a_group(tmp_path):
    specs = make_specs(["a:text", "b:text"], [("a", "b")])
    path = write(tmp_path, "house,a,b\n1,x,y\n1,x,y\n2,x,z\n")
    first, second = read_records(path, specs, pool_by="house")
    assert (first.data["a"], first.data["b"], second.data["b"]) == ("x", "y", "z")
    path = write(tmp_path, "house,a,b\n1,x,y\n1,x,z\n")
    with pytest.raises(BadSource, match="row 1 has the b 'y' and row 2 'z'"):
        read_records(path, specs, pool_by="house")


def test_vectors_of_one_group_are_averaged_and_must_have_one_length(tmp_path):
    path = write(
        tmp_path, 'house,emb\n1,"[1, 2]"\n1,"[3, 6]"\n2,"[1]"\n2,"[1, 2]"\n3,"[1]"\n3,no\n'
    )
    one, two, three = read_records(path, [InputSpec.parse("emb:vector")], pool_by="house")
    assert np.asarray(one.data["emb"]).tolist() == [2, 4]
    assert refusal_of(two.data["emb"]) == "vectors of 1 and of 2 numbers in one sample"
    assert "found 'no'" in refusal_of(three.data["emb"])


def test_cells_that_go_along_and_differ_in_a_group_are_told(tmp_path):
    rows = "7,a.jpg,x,3,acme,yes\n7,b.jpg,y,3,acme,yes\n"
    with pytest.warns(
        FeatxWarning, match="rows of one sample differ in 'caption', such as those of '7'"
    ):
        [sample] = pooled(
            tmp_path, rows, columns=Columns(target=("sold",), keep=("caption", "brand"))
        )
    assert sample.columns == {"caption": None, "brand": "acme"}


def test_nothing_is_said_of_a_table_that_needs_no_word(tmp_path):
    path = write(tmp_path, HEAD + "a.jpg,x,1,b,yes\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_records(path, SPECS, SOLD)) == 1


def test_a_program_names_files_as_a_table_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo = np.zeros((4, 4, 3), np.uint8)
    rows = [
        {"photo": "a.jpg; b.jpg", "caption": "x; y"},
        {"photo": ["a.jpg", "c.jpg"], "caption": "x"},
        {"photo": photo, "caption": "x"},
        {"photo": [photo, photo], "caption": "x"},
        {"photo": None, "caption": "x"},
        {"photo": b"bytes", "caption": "x"},
    ]
    specs = make_specs(["photo:image", "caption:text"])
    columns = record_columns(specs)
    found = find_files(record_samples(rows, ["photo", "caption"]), columns)
    photos = [one.data["photo"] for one in found]
    assert [names(one) for one in photos[:2]] == [["a.jpg", "b.jpg"], ["a.jpg", "c.jpg"]]
    assert found[0].data["caption"] == "x; y"
    assert photos[2] is photo
    assert len(photos[3]) == 2
    assert photos[4:] == [None, b"bytes"]


@pytest.mark.parametrize("name", ["none.json", "folder.json", "none.csv"])
def test_a_table_that_is_not_there_is_refused(tmp_path, name):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(BadSource, match=name):
        read_records(tmp_path / name, SPECS)


def test_separators_marks_and_encodings_are_those_of_any_table(tmp_path):
    text = "caption;größe (cm);sold\nrote Tüte;1,5;ja\nblaue, große;2,25;nein\n"
    (tmp_path / "goods.csv").write_bytes(text.encode("cp1252"))
    specs = make_specs(["caption:text", "größe (cm):number"])
    asked = Columns(target=("sold",), encoding="cp1252")
    first, second = read_records(tmp_path / "goods.csv", specs, asked)
    assert dict(first.data) == {"caption": "rote Tüte", "größe (cm)": "1,5"}
    assert (second.data["caption"], second.label) == ("blaue, große", "nein")
    (tmp_path / "marked.csv").write_bytes(text.encode("utf-8-sig"))
    assert read_records(tmp_path / "marked.csv", specs, SOLD)[0].data == first.data


def test_what_says_that_rows_belong_together_goes_along(tmp_path):
    path = write(tmp_path, "caption,who,when,often,part,sold\nx,ann,2024-05-31,2,train,yes\n")
    asked = Columns(target=("sold",), group="who", time="when", weight="often", split="part")
    [sample] = read_records(path, make_specs(["caption:text"]), asked)
    assert (sample.group, sample.weight, sample.part) == ("ann", 2.0, "train")
    assert sample.time == 1717113600
