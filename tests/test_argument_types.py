"""Arguments of absurd types are refused in words that name them, before anything else happens."""

import pytest

import featx
from featx import Backbone, Engine, FitConfig, get_card
from featx.errors import BadOption, FeatxError, wrong_type

ABSURD = [5, 1.5, b"x", ["a"], {"a": 1}, object(), float("nan"), True]
TEXTS = ["a b", "c d"]


def embed(**arguments):
    return Engine(**arguments).embed(featx.make_samples(TEXTS), Backbone("featx-text-nano"))


def read(tmp_path, **arguments):
    (tmp_path / "t.csv").write_text("text,label\na,b\nc,d\n")
    return featx.read_samples(tmp_path / "t.csv", modality="text", **arguments)


@pytest.mark.parametrize("value", [*ABSURD, None])
def test_what_is_no_name_is_no_backbone(value):
    for ask in (get_card, Backbone):
        with pytest.raises(BadOption, match=r"backbone = .*: expected its name"):
            ask(value)
    if value is not None:
        with pytest.raises(BadOption, match=r"backbone = .*: expected its name"):
            featx.fit(TEXTS * 6, ["a", "b"] * 6, backbone=value)


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("name", ["tap", "pooling", "normalize", "options", "provider"])
def test_what_is_changed_of_a_backbone_has_a_type(name, value):
    fits = {"normalize": bool, "options": dict}
    words = "is not|unknown|no key" if isinstance(value, fits.get(name, ())) else f"{name} = "
    if name == "normalize" and value is True:
        return
    with pytest.raises(FeatxError, match=words):
        Backbone("featx-text-nano", **{name: value})


@pytest.mark.slow
@pytest.mark.parametrize("value", [value for value in ABSURD if value is not True])
@pytest.mark.parametrize("name", ["cache", "on_error", "progress", "n_jobs", "batch_size"])
def test_parameters_of_an_engine_have_types(name, value):
    if name in ("n_jobs", "batch_size") and value == 5:
        return
    with pytest.raises(BadOption, match=f"{name} = "):
        embed(**{name: value})


@pytest.mark.parametrize("value", [*ABSURD, None])
def test_a_configuration_is_a_text_or_a_mapping(value):
    with pytest.raises(BadOption, match="config"):
        FitConfig.from_toml(value)
    with pytest.raises(BadOption, match="config"):
        FitConfig.from_dict(value)


@pytest.mark.parametrize(
    "text",
    [
        "on_error = 'x'",
        "unlabelled = ''",
        "class_weight = 'balance'",
        "modality = 'photo'",
        "on_error = 5",
    ],
)
def test_an_entry_of_a_configuration_that_is_one_of_a_few_words_is_one_of_them(text):
    with pytest.raises(BadOption, match=f"config: {text.split()[0]} = "):
        FitConfig.from_toml(text)


@pytest.mark.parametrize("value", [value for value in ABSURD if value != b"x"])
def test_a_path_is_a_path(value, tmp_path):
    with pytest.raises(BadOption, match="path = "):
        featx.load(value)
    with pytest.raises(BadOption, match="source = "):
        featx.read_samples(value, modality="image")
    with pytest.raises(BadOption, match="root = "):
        read(tmp_path, root=value)


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize(
    "name", ["split", "path_column", "id_column", "encoding", "label_separator", "group_column"]
)
def test_what_is_said_of_a_source_is_a_text(name, value, tmp_path):
    with pytest.raises(BadOption, match=name):
        read(tmp_path, **{name: value})


@pytest.mark.parametrize("value", [5, 1.5, object(), True])
def test_columns_are_named_by_texts_and_labels_come_in_a_list(value, tmp_path):
    for name in ("target", "keep"):
        with pytest.raises(BadOption, match=f"{name} = "):
            read(tmp_path, **{name: value})
    with pytest.raises(featx.FeatxError, match="expected labels, one a sample"):
        featx.make_samples(TEXTS, value)


def test_a_long_value_is_shown_in_part():
    assert len(str(wrong_type("cache", "x" * 1000, "a path"))) < 120
