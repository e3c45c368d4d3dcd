"""Quotes in tables of text: marks around a cell, or characters of it."""

import csv
import io
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.errors import BadSource, FeatxWarning
from featx.reading import read_samples
from tests.support.fuzz import BOUNDED
from tests.support.texts import TEXT

LONE = [
    ("A fine film", "pos"),
    ('"It began well', "neg"),
    ("the plot is thin", "neg"),
    ("a joy", "pos"),
    ('some call it brave"', "pos"),
    ("dull beyond words", "neg"),
]


def rows_of(path, **options):
    return [(sample.data, sample.label) for sample in read_samples(path, **options, **TEXT)]


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


def lines(rows, mark="\t"):
    return "".join(f"{text}{mark}{label}\n" for text, label in [("text", "label"), *rows])


@pytest.mark.parametrize(("name", "mark"), [("a.tsv", "\t"), ("a.csv", "\t"), ("a.csv", "|")])
def test_lone_quotes_of_a_corpus_are_characters_and_lose_no_row(tmp_path, name, mark):
    path = written(tmp_path, name, lines(LONE, mark))
    with pytest.warns(FeatxWarning, match=r"line 3: quotes may be marks .* as characters"):
        assert rows_of(path) == LONE


def test_a_lone_quote_that_never_ends_is_a_character_where_tabs_separate(tmp_path):
    rows = [("fine", "a"), ('"never closed', "b"), ("well", "a")]
    assert rows_of(written(tmp_path, "a.tsv", lines(rows))) == rows


def test_quotes_within_a_cell_are_characters_everywhere(tmp_path):
    rows = [('a 5" pipe', "x"), ('he said "no"', "y"), ('so"', "x")]
    for name, mark in [("a.tsv", "\t"), ("a.csv", ",")]:
        assert rows_of(written(tmp_path, name, lines(rows, mark))) == rows


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("mark", ["\t", ",", ";", "|"])
def test_a_table_that_a_spreadsheet_quoted_reads_as_it_was(tmp_path, quoting, mark):
    rows = [
        ('she said "go", and left', "x"),
        ("two\nlines, three\nand a\ttab; or | bar", "y"),
        ("plain", "x"),
        ("", "y"),
    ]
    stream = io.StringIO()
    csv.writer(stream, delimiter=mark, quoting=quoting).writerows([("text", "label"), *rows])
    assert rows_of(written(tmp_path, "a.tsv", stream.getvalue())) == rows


def test_quotes_that_excel_needs_for_a_comma_are_marks_in_a_table_with_tabs(tmp_path):
    path = written(tmp_path, "a.tsv", 'text\tlabel\n"one, two"\ta\nplain\tb\n')
    assert rows_of(path) == [("one, two", "a"), ("plain", "b")]


def test_quotes_that_no_program_would_write_are_characters_and_are_told(tmp_path):
    path = written(tmp_path, "a.tsv", 'text\tlabel\n"Stop!"\ta\nplain\tb\n')
    with pytest.warns(FeatxWarning, match="line 2: quotes may be marks or characters"):
        assert rows_of(path) == [('"Stop!"', "a"), ("plain", "b")]


def test_a_column_whose_cells_are_all_quoted_was_quoted_by_its_program(tmp_path):
    path = written(tmp_path, "a.tsv", '"text"\t"n"\t"label"\n"Stop!"\t1\t"a"\n"go"\t2\t"b"\n')
    assert rows_of(path) == [("Stop!", "a"), ("go", "b")]


def test_with_commas_a_lone_quote_over_many_whole_rows_is_a_character(tmp_path):
    rows = [*LONE[:2], *[("the plot is thin", "neg")] * 6, *LONE[4:]]
    with pytest.warns(FeatxWarning, match="as characters of the text"):
        assert rows_of(written(tmp_path, "a.csv", lines(rows, ","))) == rows


def test_with_commas_a_quoted_cell_over_two_lines_is_one_cell(tmp_path):
    path = written(tmp_path, "a.csv", 'label,text\nx,"one\ntwo"\ny,three\n')
    assert rows_of(path) == [("one\ntwo", "x"), ("three", "y")]


def test_with_commas_a_quote_that_never_ends_is_refused_with_its_line(tmp_path):
    path = written(tmp_path, "a.csv", 'text,label\nok,a\n"never closed,b\nmore,a\n')
    with pytest.raises(BadSource, match="line 3: unexpected end of data; a quote that begins"):
        rows_of(path)


def test_a_real_line_end_in_a_cell_outweighs_a_doubtful_quote_and_all_rows_are_there(tmp_path):
    path = written(
        tmp_path, "a.tsv", 'label\ttext\nx\t"one\ntwo\nthree"\ny\t"so ""it"" is"\nx\tfour\n'
    )
    assert rows_of(path) == [("one\ntwo\nthree", "x"), ('so "it" is', "y"), ("four", "x")]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_first_line_that_excel_writes_names_the_separator(tmp_path, first):
    path = written(tmp_path, "a.csv", f"{first}\r\ntext;label\r\none, two;a\r\nthree;b\r\n")
    assert rows_of(path) == [("one, two", "a"), ("three", "b")]
    path = written(tmp_path, "b.csv", f"{first}\ntext;label\none;a;b\n")
    with pytest.raises(BadSource, match="line 3: expected 2 cells, found 3"):
        rows_of(path)


def test_the_separator_is_the_one_that_gives_known_columns(tmp_path):
    path = written(tmp_path, "a.csv", "text;label;a,b,c,d\none, two;x;1\n")
    assert rows_of(path) == [("one, two", "x")]
    path = written(tmp_path, "b.tsv", "text,label\none,x\n")
    assert rows_of(path) == [("one", "x")]


def test_spaces_before_quotes_are_forgiven_where_the_header_has_them(tmp_path):
    path = written(tmp_path, "a.csv", 'text, label\n"a, b", "x"\nc, y\n')
    assert rows_of(path) == [("a, b", "x"), ("c", "y")]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a\tx\ty", "line 3: expected 2 cells, found 3"),
        ("only", "line 3: expected 2 cells, found 1"),
    ],
)
def test_a_row_with_too_many_or_too_few_cells_is_refused_with_its_line(tmp_path, row, words):
    with pytest.raises(BadSource, match=words):
        rows_of(written(tmp_path, "a.tsv", f"text\tlabel\nok\tx\n{row}\n"))


def test_separators_without_cells_at_the_end_of_a_row_are_no_cells(tmp_path):
    path = written(tmp_path, "a.csv", "text,label\none,x,,\ntwo,y, \n")
    assert rows_of(path) == [("one", "x"), ("two", "y")]


CELLS = st.text(st.sampled_from('ab ,;"\t|\n\r'), max_size=6)


@pytest.mark.parametrize("mark", ["\t", ",", ";", "|"])
@BOUNDED
@given(rows=st.lists(st.tuples(CELLS, st.sampled_from("xy")), min_size=1, max_size=6))
def test_what_a_program_quoted_throughout_is_read_back_to_the_character(
    mark, rows, tmp_path_factory
):
    stream = io.StringIO()
    csv.writer(stream, delimiter=mark, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    path = written(tmp_path_factory.getbasetemp(), "quoted.csv", stream.getvalue())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatxWarning)
        found = rows_of(path)
    if mark in ",;":
        assert found == rows
    else:
        # A cell that looks like whole rows may be taken for rows: never are there fewer.
        assert len(found) >= len(rows)


@pytest.mark.parametrize("mark", ["\t", "|"])
@BOUNDED
@given(
    rows=st.lists(
        st.tuples(st.text(st.sampled_from('ab "'), min_size=1, max_size=6), st.sampled_from("xy")),
        min_size=1,
        max_size=8,
    )
)
def test_as_many_rows_come_out_of_a_corpus_as_lines_went_in(mark, rows, tmp_path_factory):
    path = written(tmp_path_factory.getbasetemp(), "corpus.tsv", lines(rows, mark))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatxWarning)
        found = rows_of(path)
    assert len(found) == len(rows)
    assert [label for _, label in found] == [label for _, label in rows]
