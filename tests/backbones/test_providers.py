"""Providers: named as people write them, refused where they are not, and never a silent stand-in."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner

import featx
from featx.backbones import session as sessions
from featx.backbones.backbone import Backbone
from featx.backbones.providers import CPU, PROVIDERS, Provider, read_provider
from featx.catalog import locate
from featx.cli import main
from featx.embedding.cache import RowCache
from featx.embedding.engine import Engine
from featx.errors import BadOption, MissingProvider
from featx.training import fit_head
from featx.tuning import HeadConfig


@pytest.fixture
def absent():
    """A provider that the installed ONNX Runtime does not have."""
    offered = set(onnxruntime.get_available_providers())
    names = [name for name, kind in PROVIDERS.items() if kind.runtime not in offered]
    if not names:
        pytest.skip("the installed ONNX Runtime offers every provider: none can be missed")
    return names[0]


@pytest.fixture
def classifier(rng):
    rows = rng.normal(size=(20, 384)).astype(np.float32)
    head = fit_head(rows, ["dark", "light"] * 10, HeadConfig("centroid")).head
    return featx.Classifier.from_card(featx.get_card("featx-image-nano"), head)


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_read_as_it_is_written(name):
    kind = PROVIDERS[name]
    for precision in kind.precisions:
        given = read_provider(f"{name.upper()}:{precision}")
        assert given == Provider(name, precision)
        assert read_provider(str(given)) == given
        assert given.exact == (precision == "fp32")
        assert all(isinstance(value, str) for value in given.options.values())


def test_a_device_is_a_number_and_only_where_there_are_several():
    assert read_provider("cuda:1") == Provider("cuda", "fp32", 1)
    assert read_provider("cuda:1").options["device_id"] == "1"
    with pytest.raises(BadOption, match="after openvino expected one of fp32, bf16, fp16"):
        read_provider("openvino:1")


@pytest.mark.parametrize("text", ["", "gpu", "cpu:bf16", "openvino:", "cuda:-1", "cuda:int8"])
def test_what_is_no_provider_is_refused_with_the_choices(text):
    with pytest.raises(BadOption, match="expected one of"):
        read_provider(text)


def test_cuda_computes_in_float32_unless_told_otherwise():
    assert read_provider("cuda").options["use_tf32"] == "0"
    assert read_provider("cuda:tf32").options["use_tf32"] == "1"


def test_a_provider_that_is_not_installed_is_missed_by_name_with_what_brings_it(absent):
    brings = PROVIDERS[absent].brings
    with pytest.raises(
        MissingProvider, match=f"provider {absent}: .* offers .*cpu.* comes with {brings}"
    ):
        Backbone("featx-image-nano", provider=absent)


@pytest.mark.parametrize("command", ["extract", "fit", "evaluate", "predict", "serve", "bench"])
def test_every_command_that_runs_a_graph_takes_a_provider(
    command, absent, classifier, photos, tmp_path
):
    saved = str(featx.save(classifier, tmp_path / "x.featx"))
    words = {
        "extract": ["extract", str(photos), "-o", str(tmp_path / "rows.npz")],
        "fit": ["fit", str(photos), "-o", str(tmp_path / "y.featx")],
        "evaluate": ["evaluate", saved, str(photos)],
        "predict": ["predict", saved, str(photos)],
        "serve": ["serve", saved],
        "bench": ["bench"],
    }[command]
    result = CliRunner().invoke(main, [*words, "--provider", absent])
    assert result.exit_code == 1
    assert f"provider {absent}: the installed ONNX Runtime offers" in result.output


def test_a_session_that_fell_back_to_the_cpu_is_refused():
    """ONNX Runtime itself only logs it: asked for a provider that cannot start, it takes the CPU."""
    card = featx.get_card("featx-image-nano")
    path = locate(card, card.graph).path
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    sessions.check_started(session, CPU)
    with pytest.raises(
        MissingProvider, match=r"provider cuda: .* would compute on the CPU instead"
    ):
        sessions.check_started(session, read_provider("cuda"))


def test_rows_of_a_lesser_precision_have_a_fingerprint_of_their_own_and_no_classifier_takes_them(
    classifier,
):
    backbone = Backbone("featx-image-nano")
    assert backbone.fingerprint == backbone.cache_key == backbone.card.fingerprint
    prints = {backbone.fingerprint}
    for text in ("openvino", "openvino:bf16", "cuda", "cuda:tf32"):
        backbone.provider = read_provider(text)  # the session is not asked here
        prints.add(backbone.cache_key)
        exact = backbone.fingerprint == backbone.card.fingerprint
        assert exact == (":" not in text)
    assert len(prints) == 5
    lesser = replace(classifier, provider=read_provider("openvino:bf16"))
    with pytest.raises(BadOption, match="provider openvino:bf16: makes other rows"):
        lesser.predict([np.zeros((9, 9, 3), np.uint8)])


def test_a_cached_row_of_one_provider_is_not_taken_for_that_of_another(tmp_path, rng):
    samples = featx.make_samples([rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)])
    store = RowCache(tmp_path / "rows.sqlite")
    backbone = Backbone("featx-image-nano")
    Engine(cache=store).embed(samples, backbone)
    assert store.info().rows == 1
    other = Backbone("featx-image-nano")
    other.provider = read_provider("openvino")
    Engine(cache=store).embed(samples, other)
    assert store.info().rows == 2


def test_the_cpu_is_where_a_loaded_classifier_runs_unless_told_otherwise(classifier, tmp_path):
    saved = featx.save(classifier, tmp_path / "x.featx")
    assert featx.load(saved).provider == CPU
    assert featx.load(saved, provider="openvino").provider == read_provider("openvino")
    with pytest.raises(BadOption, match="provider 'tpu'"):
        featx.load(saved, provider="tpu")


def test_openvino_gives_the_rows_of_the_cpu_where_it_is_installed(shared_models, rng):
    if "openvino" not in sessions.available():
        pytest.skip("onnxruntime-openvino is not installed")
    pictures = [rng.integers(0, 256, (300, 260, 3), dtype=np.uint8) for _ in range(5)]
    samples = featx.make_samples(pictures)
    plain = Engine().embed(samples, Backbone("mobilenetv2-1.0"))
    other = Engine().embed(samples, Backbone("mobilenetv2-1.0", provider="openvino"))
    assert other.fingerprint == plain.fingerprint
    np.testing.assert_allclose(other.embeddings, plain.embeddings, atol=1e-3)
