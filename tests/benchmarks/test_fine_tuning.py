"""The comparison with fine-tuning: its cells, budgets, draws and differences by hand, its plot as XML."""

import re
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def suite(monkeypatch):
    pytest.importorskip("resource", reason="contenders read what a process used")
    monkeypatch.syspath_prepend(str(CHECKOUT / "benchmarks"))
    return import_module("fine_tuning")


def line(cell, seconds, right):
    accuracy = right.count("1") / len(right)
    return {"cell": cell, "n": 20, "seconds": seconds, "accuracy": accuracy, "right": right}


@pytest.fixture
def done():
    """Two draws of 10 labels, and all labels of which only featx is done."""
    lines = [
        line("cats_dogs/10/0/featx", 1.0, "1111111100"),
        line("cats_dogs/10/0/tuned 25", 25.0, "1111000000"),
        line("cats_dogs/10/1/featx", 3.0, "1111111100"),
        line("cats_dogs/10/1/tuned 25", 75.0, "1111111100"),
        line("cats_dogs/all/0/featx", 9.0, "1111111111"),
    ]
    return {one["cell"]: one for one in lines}


def test_cells_with_few_labels_and_little_time_come_first_and_all_labels_are_drawn_once(suite):
    found = list(suite.cells(3))
    order = [cell.labels for cell in found]
    assert order == sorted(order)
    assert Counter(order) == {"10": 60, "50": 60, "all": 20}
    assert len(set(map(str, found))) == len(found)
    # What the others may cost depends on what featx took.
    assert [cell.contender for cell in found[:20:4]] == list(suite.CONTENDERS)
    assert [cell.contender for cell in found[:4]] == ["featx"] * 4


def test_a_budget_is_so_many_times_the_seconds_of_featx_but_never_below_five(suite):
    assert [suite.budget(0.5, times) for times in (1, 5, 25)] == [5, 5, 12.5]
    assert [suite.budget(40, times) for times in (1, 5, 25)] == [40, 200, 1000]


def test_a_budget_that_repeats_a_smaller_one_is_not_spent_again(suite):
    assert [suite.is_repeated(name, 0.5) for name in suite.CONTENDERS] == [0, 0, 0, 1, 0]
    assert [suite.is_repeated(name, 0.1) for name in suite.CONTENDERS] == [0, 0, 0, 1, 1]
    assert not any(suite.is_repeated(name, 1.1) for name in suite.CONTENDERS)


def test_a_draw_holds_so_many_samples_of_each_class_and_is_the_same_each_time(suite):
    samples = [SimpleNamespace(label="ab"[i > 7], id=i) for i in range(40)]
    drawn = suite.draw_samples(samples, "5", 1)
    assert Counter(sample.label for sample in drawn) == {"a": 5, "b": 5}
    assert suite.draw_samples(samples, "5", 1) == drawn
    assert suite.draw_samples(samples, "5", 2) != drawn
    assert sorted(sample.id for sample in suite.draw_samples(samples, "all", 0)) == list(range(40))


def test_the_validation_part_holds_a_fifth_of_each_class_and_is_not_trained_on(suite):
    split = import_module("fine_tuning_torch").split_validation
    y = np.repeat([0, 1, 2], [3, 10, 40])
    part, held = split(y)
    assert Counter(y[held].tolist()) == {0: 1, 1: 2, 2: 8}
    assert sorted([*part, *held]) == list(range(53))
    assert len(split(np.repeat([0, 1], 2000))[1]) == 200


def test_results_are_read_again_and_a_line_that_was_cut_off_is_named(suite, tmp_path, capsys):
    path = tmp_path / "found.jsonl"
    assert suite.read_done(path) == {}
    whole = line("cats_dogs/10/0/featx", 1.0, "10")
    suite.append(path, whole)
    with path.open("a") as file:
        file.write('{"cell": "cats_d')
    assert suite.read_done(path) == {whole["cell"]: whole}
    assert '{"cell": "cats_d' in capsys.readouterr().err
    more = line("cats_dogs/10/0/layer", 2.0, "11")
    suite.append(path, more)
    assert suite.read_done(path) == {one["cell"]: one for one in (whole, more)}


def test_a_difference_is_told_in_points_with_the_interval_of_pairs(suite):
    # Of 100 pictures 12 are right for the first alone and 4 for the second alone.
    new, old = "1" * 12 + "0" * 4 + "1" * 84, "0" * 12 + "1" * 4 + "1" * 84
    value, low, high = map(float, re.findall(r"[+-][\d.]+", suite.compare([(new, old)])))
    error = 196 * np.sqrt(12 + 4 - (12 - 4) ** 2 / 100) / 100
    assert value == 8
    assert (low, high) == pytest.approx((8 - error, 8 + error), abs=0.7)


def test_the_table_tells_means_of_draws_and_what_was_not_reached(suite, done):
    rows = [row.strip("| ").split("|") for row in suite.report(done, 2).splitlines()]
    told = {(row[0], row[1]): row[2:] for row in ([cell.strip() for cell in row] for row in rows)}
    few = told["cats_dogs", "10"]
    assert few[:2] == ["0.800 in 2.0 s", "—"]
    assert few[-2:] == ["0.600 in 50.0 s", few[-1]]
    # Two of ten pictures are right in one draw of two less.
    assert few[-1].startswith("-20.0 (")
    assert told["cats_dogs", "all"] == ["1.000 in 9.0 s", "—", "—", "—", "—", "—"]
    assert told["cifar10", "10"] == ["—"] * 6


def test_the_plot_has_a_panel_for_each_set_and_number_of_labels_and_a_mark_a_contender(suite, done):
    plot = ElementTree.fromstring(import_module("fine_tuning_plot").draw(done))
    names = Counter(element.tag.rpartition("}")[2] for element in plot.iter())
    frames = [one for one in plot.iter() if one.get("class") == "frame"]
    assert len(frames) == 2
    # One of each in the legend.
    assert names["circle"] == 1 + 2
    assert names["polygon"] == 1 + 1
    words = {element.text for element in plot.iter() if element.tag.endswith("text")}
    assert {"cats_dogs", "10 labels a class", "all labels a class"} <= words
