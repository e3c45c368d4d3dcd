"""Options of the server may stand in the environment, as the service file and the image set them."""

import json
import re

import click
import pytest

from featx.cli.serve import serve_command
from tests.support.commands import ROOT, run, start

pytest.importorskip("uvicorn")


def options():
    return [option for option in serve_command.params if isinstance(option, click.Option)]


def test_every_option_of_the_server_has_a_variable_that_its_help_names():
    text = run("serve", "--help").stdout
    for option in options():
        assert option.envvar == f"FEATX_{option.name.upper()}"
        assert option.envvar in text


@pytest.mark.slow
def test_a_server_listens_where_the_environment_says_and_typed_options_win(shades, monkeypatch):
    monkeypatch.setenv("FEATX_HOST", "127.0.0.2")
    monkeypatch.setenv("FEATX_PORT", "1")
    with start("serve", "shade.featx", "--port", "0", folder=shades) as server:
        try:
            host, port = json.loads(server.stderr.readline())["address"]
        finally:
            server.terminate()
            server.communicate(timeout=60)
    assert host == "127.0.0.2"
    assert port != 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FEATX_PORT", "", "FEATX_PORT is empty: expected a value; unset it"),
        ("FEATX_HOST", "  ", "FEATX_HOST is empty"),
        ("FEATX_PORT", "tcp://10.0.0.1:80", "(env var: 'FEATX_PORT')"),
        ("FEATX_MAX_BODY", "much", "(env var: 'FEATX_MAX_BODY')"),
        ("FEATX_TIMEOUT", "soon", "(env var: 'FEATX_TIMEOUT')"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused_by_name(shades, monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    result = run("serve", shades / "shade.featx")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_a_variable_that_is_nearly_ours_is_told(shades, monkeypatch):
    monkeypatch.setenv("FEATX_PROT", "80")
    monkeypatch.setenv("FEATX_QUEUE", "-1")
    result = run("serve", shades / "shade.featx")
    assert (
        "FEATX_PROT: no setting of featx serve is called so; did you mean FEATX_PORT?"
        in result.stderr
    )
    assert "FEATX_CACHE_DIR" not in result.stderr
    assert "--queue -1: expected 0 or more" in result.stderr


def test_the_service_and_the_image_set_variables_that_there_are():
    known = {option.envvar for option in options()} | {"FEATX_DATA_DIR", "FEATX_CACHE_DIR"}
    service = (ROOT / "deploy" / "featx@.service").read_text(encoding="utf-8")
    image = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    for text in (service, image):
        assert set(re.findall(r"FEATX_[A-Z_]+", text)) <= known
        # What is typed there would win over what a user sets.
        assert not re.search(r"featx\W+serve[^#\n]*--", text)
    [check] = re.findall(r'CMD (\["python".*\])\n', image.replace("\\\n", ""))
    code = json.loads(check)[2]
    compile(code, "health check", "exec")
