"""The columns of a table: usual names, ids that are none, and what is said of columns that are not used."""

import pytest

from featx.errors import BadOption, BadSource, FeatxNotice, FeatxWarning
from featx.reading import read_samples
from featx.sources import Columns, Readable, read_source
from featx.storage.blob import Blob
from tests.support.sources import ids, pairs, read
from tests.support.texts import TEXT


def table(tmp_path, text, name="list.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name",
    ["file_name", "image_id", "filename", "Image Path", "FILE", "image-file", "img", "audio"],
)
def test_usual_names_of_a_column_of_paths_are_known_whatever_stands_between_words(tmp_path, name):
    assert ids(read(table(tmp_path, f"{name},label\na.jpg,x\n"))) == ["a.jpg"]


def test_ids_that_repeat_and_nobody_asked_for_give_way_to_paths_and_it_is_said(tmp_path):
    path = table(tmp_path, "id,path,label\nP0,a.jpg,x\nP0,b.jpg,y\n")
    with pytest.warns(FeatxWarning, match="line 3: the id 'P0' is already taken .*id_column="):
        samples = read(path)
    assert pairs(samples) == [("a.jpg", "x"), ("b.jpg", "y")]
    with pytest.raises(BadSource, match="the id 'P0' is already taken in line 2"):
        read(path, id_column="id")


def test_empty_ids_that_nobody_asked_for_give_way_to_numbers_of_rows(tmp_path):
    path = table(tmp_path, "id,text\n1,a\n,b\n")
    with pytest.warns(FeatxWarning, match="line 3: the id is empty: the column 'id' is left alone"):
        assert ids(read_samples(path, **TEXT)) == ["row 1", "row 2"]


@pytest.mark.parametrize(
    "column", ["group", "Weight", "sample_weight", "start", "labels", "file_name"]
)
def test_a_column_that_looks_like_ones_that_are_read_and_is_not_is_named_once(tmp_path, column):
    path = table(tmp_path, f"path,label,{column},colour\na.jpg,x,1,red\nb.jpg,y,2,red\n")
    with pytest.warns(FeatxNotice, match=f"not used: column '{column}'") as said:
        read(path)
    assert len(said) == 1


@pytest.mark.parametrize("columns", ["start_ms,end_ms", "Start Frame,End Frame", "onset_samples"])
def test_times_that_are_no_seconds_are_named_and_what_segments_are_measured_in(tmp_path, columns):
    cells = ",".join("5" for _ in columns.split(","))
    path = table(tmp_path, f"path,{columns}\na.wav,{cells}\n")
    with pytest.warns(FeatxNotice, match=f"not used: .*'{columns.split(',')[-1]}'.* in seconds"):
        samples = read_source(path, Readable(frozenset({".wav"}), segments=True))
    assert ids(samples) == ["a.wav"]


def test_several_columns_that_are_not_used_are_named_together(tmp_path):
    path = table(tmp_path, "text,group,weight,start,end\na,1,2,3,4\n")
    with pytest.warns(
        FeatxNotice, match="columns 'group', 'weight', 'start', 'end'; segments"
    ) as said:
        read_samples(path, **TEXT)
    assert len(said) == 1


def test_a_column_split_that_names_no_part_is_named(tmp_path):
    path = table(tmp_path, "path,split\na.jpg,fold1\nb.jpg,fold2\n")
    with pytest.warns(FeatxNotice, match="column 'split'; none of its cells names a part"):
        assert len(read(path, split="train")) == 2


def test_what_a_user_named_leaves_the_usual_names_alone(tmp_path):
    path = table(tmp_path, "path,photo,label,kind\nno,a.jpg,no,cat\n")
    assert pairs(read(path, path_column="photo", label_column="kind")) == [("a.jpg", "cat")]


@pytest.mark.parametrize("option", ["start_column", "root", "encoding", "text_column"])
def test_options_of_tables_are_refused_by_name_for_what_is_no_table(tmp_path, option):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(BadOption, match=rf"^{option}: .* is a folder and"):
        read(tmp_path / "photos", **{option: "x"})


def test_a_root_and_an_encoding_that_would_do_nothing_are_refused(tmp_path):
    with pytest.raises(BadOption, match=r"root: the rows of .* are texts, not files"):
        read_samples(table(tmp_path, "text\nx\n"), root=tmp_path, **TEXT)
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"text": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(BadOption, match=r"encoding: .* is no table of text"):
        read_samples(tmp_path / "a.parquet", encoding="cp1252", **TEXT)


def test_segments_are_refused_for_what_is_no_sound(tmp_path):
    path = table(tmp_path, "path,a,b\nx.jpg,1,2\n")
    with pytest.raises(BadOption, match="only sounds have segments"):
        read(path, start_column="a", end_column="b")
    with pytest.raises(BadOption, match="name both or neither"):
        read(path, start_column="a")


def test_names_without_suffix_are_the_files_that_have_one(tmp_path):
    for name in ("a.jpg", "b.png", "b.txt", "c.jpg", "c.png", "plain", "x.v2.jpg"):
        (tmp_path / name).touch()
    path = table(tmp_path, "image_id,label\na,1\nb,2\nplain,3\nx.v2,4\ngone,5\n")
    samples = read(path)
    assert ids(samples) == ["a", "b", "plain", "x.v2", "gone"]
    assert [sample.data for sample in samples] == [
        Blob.of_path(tmp_path / name) for name in ("a.jpg", "b.png", "plain", "x.v2.jpg", "gone")
    ]


def test_a_name_that_two_files_have_is_a_reject_that_names_them(tmp_path):
    for name in ("c.jpg", "c.png"):
        (tmp_path / name).touch()
    [sample] = read(table(tmp_path, "path\nc\n"))
    with pytest.raises(OSError, match=r"found c\.jpg, c\.png"):
        sample.data.read()


def test_backslashes_and_spaces_around_are_forgiven_where_the_file_is_not_named_so(tmp_path):
    (tmp_path / "pics").mkdir()
    for name in ("pics/a.jpg", "odd\\name.jpg", " edge .jpg", "pics/d.jpg"):
        (tmp_path / name).touch()
    cells = (
        "pics\\a.jpg",
        "odd\\name.jpg",
        " edge .jpg",
        " pics/a.jpg ",
        " .\\pics\\d ",
        "no\\z.jpg",
    )
    samples = read(table(tmp_path, "path\n" + "\n".join(cells) + "\n"))
    assert ids(samples) == [
        *("pics\\a.jpg", "odd\\name.jpg", " edge .jpg", "pics/a.jpg", ".\\pics\\d", "no\\z.jpg")
    ]
    names = "pics/a.jpg", "odd\\name.jpg", " edge .jpg", "pics/a.jpg", "pics/d.jpg", "no/z.jpg"
    assert [sample.data for sample in samples] == [Blob.of_path(tmp_path / name) for name in names]


def test_root_is_the_folder_of_the_files(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.jpg").touch()
    path = table(tmp_path, "path\na\n/abs.jpg\n")
    found = read(path, root=str(tmp_path / "elsewhere"))
    assert [sample.data.name for sample in found] == [
        str(tmp_path / "elsewhere" / "a.jpg"),
        "/abs.jpg",
    ]
    assert read_samples(path, root=tmp_path / "elsewhere", modality="image") == found
    with pytest.raises(BadOption, match="expected the folder of the files"):
        read(path, root=str(tmp_path / "nowhere"))


def test_paths_on_standard_input_are_found_in_the_same_way(tmp_path):
    (tmp_path / "a.jpg").touch()
    readable = Readable(frozenset({".jpg"}))
    lines = [b" a \r\n", b"no\\b.jpg\n", b"./a.jpg\n"]
    found = read_source("-", readable, columns=Columns(root=str(tmp_path)), stdin=lines)
    assert ids(found) == ["a", "no\\b.jpg", "./a.jpg"]
    assert [sample.data.path for sample in found] == [
        tmp_path / "a.jpg",
        tmp_path / "no/b.jpg",
        tmp_path / "a.jpg",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "expected a table, found an empty file"),
        ("so dull,bad\nso good,good\n", "see that the first line holds the names of the columns"),
        ("# exported\ntext,label\na,b\n", "found columns '# exported'"),
        ("text,text,label\na,a,b\n", "the column 'text' is there 2 times"),
        ("text,label\na,b\n", "a column of files .*since the backbone reads no texts"),
    ],
)
def test_a_table_without_a_column_of_samples_is_told_what_is_missing(tmp_path, content, words):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(BadSource, match=words):
        read(path)
