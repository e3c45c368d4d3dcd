"""A hub of strangers: whatever it says of a repository or of a file is refused in words or pulled."""

import json
import os
import random
import tempfile
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

import pytest

from featx.catalog.transfer import Tries
from featx.hub.address import ModelAddress
from featx.hub.client import Hub
from featx.hub.licences import read_licence
from featx.hub.pull import pull_folder
from tests.support.fuzzing import ODD_VALUES, altered_trees, attack, mutated
from tests.support.hub_server import FakeHub, serving_hub, write_model

NAMES = ["../x.json", "/etc/passwd", "a\\b.json", "C:x.json", "", ".", "..", "x" * 5000, "a\0.json"]
NAMES += [
    "config.json",
    "onnx/model.onnx",
    "onnx/../config.json",
    "é.json",
    "\x1b[2J",
    "a/b/c.json",
]


# Open as long as the process lives.
_STACK = ExitStack()


@lru_cache
def hub():
    """A hub that lives as long as this process, and the folder of its files."""
    folder = Path(tempfile.mkdtemp(prefix="featx-fuzz-"))
    os.environ["FEATX_CACHE_DIR"] = str(folder / "cache")
    os.environ["no_proxy"] = "127.0.0.1"
    return _STACK.enter_context(serving_hub(FakeHub(write_model(folder)))), folder


def pull_what_is_said(answer):
    """Pull from a hub that says this of a repository; nothing may land outside of the cache."""
    fake, folder = hub()
    fake.answer = answer
    client = Hub(fake.address, tries=Tries(timeout=1, tries=1, pause=0))
    try:
        pulled = pull_folder(
            ModelAddress("someone/model"), client, accept_licence=True, log=lambda line: None
        )
    finally:
        outside = [
            path for path in folder.iterdir() if path.name not in ("cache", "model", "one.onnx")
        ]
        assert not outside, outside
    for path in pulled.folder.rglob("*"):
        assert path.resolve().is_relative_to(folder / "cache" / "hub")
        assert path.suffix not in (".py", ".bin")


def answers(seed, rounds):
    fake, rng = FakeHub(), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        fake.files = write_model(Path(name))
    whole = fake.listing()
    for tree in altered_trees(whole, seed, 40 * rounds):
        yield json.dumps(tree).encode("utf-8", "surrogatepass")
    yield from mutated(json.dumps(whole).encode(), seed, 30 * rounds)
    for _ in range(30 * rounds):
        tree = json.loads(json.dumps(whole))
        entry = rng.choice(tree["siblings"])
        match rng.randrange(3):
            case 0:
                entry["rfilename"] = rng.choice(NAMES)
            case 1:
                entry[rng.choice(["size", "blobId", "lfs"])] = rng.choice(ODD_VALUES)
            case _:
                entry["lfs"] = {rng.choice(["sha256", "size"]): rng.choice(ODD_VALUES)}
        yield json.dumps(tree).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 1), pytest.param(2, 10, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_what_a_hub_says_is_refused_in_words_or_pulled(seed, rounds):
    tally = attack(pull_what_is_said, answers(seed, rounds), seconds=10)
    assert not tally.faults, tally
    assert tally.counts["refused"] > 20 * rounds
    assert tally.counts["ok"]


def state_a_licence(data):
    """Read bytes as a README, and as what a hub's interface gives of a repository."""
    read_licence(None, None, data)
    try:
        tree = json.loads(data)
    except ValueError:
        return
    licence = read_licence(tree, tree, None)
    assert licence.label.isprintable()
    assert len(licence.label) < 100_000


def statements(seed, count):
    readme = b"---\nlicense: [mit, apache-2.0]\nlicense_name: 'own'\nlicense_link: x\n---\n"
    yield from mutated(readme, seed, count)
    yield b"---\n" + b"license:\n" + b"- x\n" * 100_000
    yield b"---\nlicense: " + b"x" * 1_000_000
    for tree in altered_trees(
        {"license": ["mit"], "license_name": "a", "tags": ["license:mit"]}, seed, count
    ):
        yield json.dumps(tree).encode("utf-8", "surrogatepass")


def test_what_a_repository_says_of_its_licence_is_one_line_whatever_it_is():
    tally = attack(state_a_licence, statements(3, 150), seconds=5)
    assert not tally.faults, tally
