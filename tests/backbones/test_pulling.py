"""A model of a hub becomes a backbone whose card says which commit it is and under which licence."""

import numpy as np
import pytest

from featx.backbones.adding import Drafted, add_backbone, draft_backbone
from featx.backbones.backbone import Backbone
from featx.backbones.importing import draft_card, import_model
from featx.backbones.pulling import pull_model, read_wanted
from featx.catalog import SHORT_NAMES, get_card, user_directory
from featx.catalog.transfer import Tries
from featx.errors import BadOption, DownloadFailed, UnknownBackbone
from featx.hub.address import ModelAddress
from featx.hub.client import Hub
from featx.hub.licences import Licence
from featx.storage.dirs import cache_dir
from tests.support import hub_nets
from tests.support.hub_server import COMMIT, OTHER, TAKEN, FakeHub, serving_hub, write_model
from tests.support.optimize_nets import pictures
from tests.support.tokenizers import make_tokenizer

pytestmark = pytest.mark.usefixtures("alone_with_a_hub")


@pytest.fixture
def fake(tmp_path):
    with serving_hub(FakeHub(write_model(tmp_path))) as fake:
        yield fake


@pytest.fixture
def pull(fake):
    def pull(text="hf:someone/model", draft=as_torch, name=None, **options):
        hub = Hub(fake.address, tries=Tries(timeout=5, tries=2, pause=0.01))
        wanted = read_wanted(text, name=name)
        return pull_model(wanted, draft=draft, hub=hub, log=lambda line: None, **options)

    return pull


AS_TORCH = {"like": "torch", "options": {"resize": (24, 24)}, "tap": "embedding"}


def as_torch(found, *, name):
    """The card of a graph whose folder says nothing of pictures."""
    return Drafted(draft_card(found.graph, name=name, **AS_TORCH), {}, {}, ())


def in_cache():
    folder = cache_dir() / "hub"
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def test_a_model_is_pulled_and_added_with_its_commit_and_its_licence(pull, fake, tmp_path):
    card = pull()
    assert card.license == "MIT"
    assert card.source == f"hf:someone/model@{COMMIT}:onnx/model.onnx from {fake.address}"
    assert get_card("model") == card
    assert [file.name for file in card.files] == ["model.onnx_data"]
    import_model(tmp_path / "one.onnx", name="one", **AS_TORCH)
    np.testing.assert_array_equal(
        Backbone("model").embed(pictures(3)), Backbone("one").embed(pictures(3))
    )
    assert in_cache() == []


def test_a_name_that_is_taken_is_refused_before_anything_is_asked(pull, fake):
    pull()
    fake.asked.clear()
    with pytest.raises(BadOption, match=f"is there, from hf:someone/model@{COMMIT}.*name="):
        pull()
    assert fake.asked == []
    assert pull(name="other").name == "other"


def test_what_cannot_be_added_is_kept_until_it_can_be(pull, fake):
    def refuse(found, *, name):
        raise BadOption("say also like=")

    with pytest.raises(BadOption, match="say also like="):
        pull(draft=refuse)
    assert not user_directory().exists()
    assert len(in_cache()) == len(TAKEN)
    fake.asked.clear()
    pull()
    assert fake.paths == []
    assert in_cache() == []


def test_a_pull_that_breaks_leaves_the_backbone_that_was_there(pull, fake):
    card = pull()
    before = Backbone("model").embed(pictures(2))
    fake.commit, fake.status = OTHER, {"onnx/model.onnx_data": 404}
    with pytest.raises(DownloadFailed):
        pull(name="newer")
    assert [path.name for path in user_directory().iterdir()] == ["model"]
    assert get_card("model") == card
    np.testing.assert_array_equal(Backbone("model").embed(pictures(2)), before)


def test_a_short_name_is_pulled_from_where_the_table_says(pull, fake):
    fake.name = "onnx-community/dinov2-small"
    card = pull("dinov2-small")
    assert card.name == "dinov2-small"
    assert card.source.startswith(f"hf:onnx-community/dinov2-small@{COMMIT}:onnx/model.onnx")


def test_a_short_name_of_a_repository_without_a_licence_has_that_of_the_model(pull, fake):
    fake.name = "onnx-community/dinov2-small"
    fake.says, fake.files["README.md"] = {}, b""
    assert pull("dinov2-small").license == "Apache-2.0"


@pytest.mark.parametrize("name", SHORT_NAMES)
def test_each_short_name_is_an_address_with_a_graph_and_a_free_licence(name):
    short = SHORT_NAMES[name]
    address = ModelAddress.read(short.address)
    assert f"hf:{address.repository}:{address.file}" == short.address
    assert read_wanted(name).name == name
    assert Licence((short.licence,)).is_free
    assert short.modality in ("image", "text", "audio")


def test_a_short_name_that_was_not_pulled_is_told_how(own_directory):
    with pytest.raises(UnknownBackbone, match="run: featx backbones pull bge-small"):
        get_card("bge-small")
    with pytest.raises(UnknownBackbone, match="did you mean 'dinov2-small'"):
        read_wanted("dinov2-smal")


@pytest.mark.parametrize(
    "text",
    [
        *("hf:", "hf:bert", "hf:a/b/c", "hf:../x", "hf:a/..", "hf:a/b@", "hf:a/b@../x"),
        *("hf:a/b:x.py", "hf:a/b:../m.onnx", "hf:a/b@main:", "hf:a/b c", "hf:a/b\n", "hf:/b"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(text):
    with pytest.raises(BadOption, match="expected"):
        read_wanted(text)


def test_a_graph_can_be_named_besides_an_address_but_not_against_it():
    assert read_wanted("hf:a/b", file="x.onnx").address.file == "x.onnx"
    assert read_wanted("bge-small", file="x.onnx").address.file == "x.onnx"
    with pytest.raises(BadOption, match=r"file = 'x\.onnx' another"):
        read_wanted("hf:a/b:y.onnx", file="x.onnx")


@pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
def test_a_model_of_texts_is_pulled_with_nothing_typed(pull, fake, tmp_path):
    folder = tmp_path / "texts"
    hub_nets.save_bert(folder / "onnx" / "model.onnx", words=500)
    make_tokenizer("wordpiece").save(str(folder / "tokenizer.json"))
    modules = [
        {"type": "sentence_transformers.models.Transformer", "path": ""},
        {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
    ]
    hub_nets.write_json(folder, "modules.json", modules)
    hub_nets.write_json(folder, "1_Pooling/config.json", {"pooling_mode_mean_tokens": True})
    hub_nets.write_json(folder, "config.json", {"model_type": "bert", "pad_token_id": 0})
    hub_nets.write_json(folder, "sentence_bert_config.json", {"max_seq_length": 32})
    fake.files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    texts = ["a dog", "the quick brown fox"]
    card = pull(draft=draft_backbone)
    assert (card.modality, card.pooling, card.license) == ("text", "mean", "MIT")
    local = add_backbone(folder, name="local")
    np.testing.assert_array_equal(Backbone(card).embed(texts), Backbone(local).embed(texts))
