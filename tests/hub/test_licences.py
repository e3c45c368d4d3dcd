"""Licences: what a repository states is read, recorded, and to be accepted where it is not free."""

import pytest

from featx.errors import (
    BadOption,
)


@pytest.mark.parametrize(
    ("says", "readme", "label", "words"),
    [
        ({"cardData": {"license": "mit"}}, b"", "MIT", None),
        ({"tags": ["onnx", "license:apache-2.0"]}, b"", "Apache-2.0", None),
        ({}, b"---\nlicense: bsd-3-clause\n---\n", "BSD-3-Clause", None),
        ({"tags": ["license:cc-by-nc-4.0"]}, b"", "cc-by-nc-4.0", "its licence is cc-by-nc-4.0"),
        (
            {"cardData": {"license": "other", "license_name": "dinov3-license"}},
            b"",
            "dinov3-license",
            "its licence is dinov3-license",
        ),
        ({"tags": ["license:mit"], "cardData": {"license": "cc-by-nc-4.0"}}, b"", None, "and MIT"),
        ({}, b"# no front matter", "unknown", "its licence is not stated"),
        ({"cardData": {"license": ["mit", "apache-2.0"]}}, b"", "MIT and Apache-2.0", None),
    ],
)
def test_a_licence_is_read_and_one_that_is_not_free_is_to_be_accepted(
    pull, fake, says, readme, label, words
):
    fake.says, fake.files["README.md"] = says, readme
    if words:
        with pytest.raises(BadOption, match=words) as refusal:
            pull()
        assert "accept_licence=True" in str(refusal.value)
        assert "onnx/model.onnx" not in fake.paths
    pulled, lines = pull(accept_licence=True)
    assert label in (None, pulled.licence.label)
    assert pulled.licence.label in lines[-1]


def test_a_licence_that_the_table_knows_stands_in_for_one_that_is_not_stated(pull, fake):
    fake.says, fake.files["README.md"] = {}, b""
    pulled, lines = pull(stated="MIT")
    assert pulled.licence.label == "MIT"
    assert "the repository states none" in lines[-1]
    fake.says = {"tags": ["license:cc-by-nc-4.0"]}
    with pytest.raises(BadOption, match="cc-by-nc"):
        pull(stated="MIT")
