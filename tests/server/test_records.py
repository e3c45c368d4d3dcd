"""Samples of several columns over HTTP: JSON and forms by the names of columns, and a tensor for each."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import featx
from featx.server import create_app
from featx.server.answers import InferAnswer, ModelAnswer, ModelsAnswer, PredictAnswer
from featx.server.limits import Limits
from tests.support.commands import run
from tests.support.goods import draw_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = ["photo:image", "caption:text", "price:number", "brand:category", "emb:vector"]
COLUMNS = {
    "photo": "image",
    "caption": "text",
    "price": "number",
    "brand": "category",
    "emb": "vector",
}


@pytest.fixture(scope="module")
def goods():
    rng = np.random.default_rng(0)
    return [{**row, "emb": rng.standard_normal(2).round(2).tolist()} for row in draw_goods(24)]


@pytest.fixture(scope="module")
def predictor(goods):
    return featx.fit(goods, target="sold", inputs=INPUTS, head="ridge", baseline=False)


@pytest.fixture(scope="module")
def client(predictor, goods):
    photos = featx.fit(
        [row["photo"] for row in goods], [row["sold"] for row in goods], baseline=False
    )
    with TestClient(create_app({"goods": predictor, "photos": photos})) as client:
        yield client


def png(photo):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    return buffer.getvalue()


def values_of(row):
    encoded = base64.b64encode(png(row["photo"])).decode()
    return {name: row[name] for name in COLUMNS} | {"photo": encoded}


def ask(client, *samples, **more):
    body = {"samples": [{"values": values} for values in samples], "model": "goods", **more}
    return client.post("/v1/predict", json=body)


@pytest.mark.slow
def test_json_by_the_names_of_columns_gives_the_answers_of_the_predictor(client, predictor, goods):
    given = ask(client, *map(values_of, goods[:5]))
    results = PredictAnswer.model_validate_json(given.content, strict=True).results
    expected = list(predictor.predict_samples(predictor.make_samples(goods[:5])))
    assert [one.label for one in results] == [one.label for one in expected]
    np.testing.assert_allclose(
        [one.probability for one in results], [one.probability for one in expected], atol=1e-6
    )


def test_served_answers_are_those_of_the_command_line(client, predictor, goods, tmp_path):
    path = featx.save(predictor, tmp_path / "goods.featx")
    lines = []
    for index, row in enumerate(goods[:4]):
        (tmp_path / f"{index}.png").write_bytes(png(row["photo"]))
        lines.append(json.dumps({**row, "photo": f"{index}.png"}))
    (tmp_path / "goods.jsonl").write_text("\n".join(lines), encoding="utf-8")
    table = run("predict", path, tmp_path / "goods.jsonl", "--format", "jsonl")
    typed = [json.loads(line) for line in table.output.splitlines() if line.startswith("{")]
    served = ask(client, *map(values_of, goods[:4])).json()["results"]
    assert [one["label"] for one in served] == [one["label"] for one in typed]
    np.testing.assert_allclose(
        [one["probability"] for one in served], [one["probability"] for one in typed], atol=1e-5
    )


def test_a_form_has_a_field_for_each_column_and_several_photos_in_one(client, predictor, goods):
    row = goods[0]
    fields = {"caption": row["caption"], "price": str(row["price"]), "brand": row["brand"]}
    files = [("photo", ("a.png", png(row["photo"]), "image/png"))]
    given = client.post(
        "/v1/predict?model=goods", data=fields | {"emb": json.dumps(row["emb"])}, files=files
    )
    [one] = given.json()["results"]
    [expected] = predictor.predict_samples(predictor.make_samples([row]))
    assert one["label"] == expected.label
    assert one["probability"] == pytest.approx(expected.probability, abs=1e-6)
    more = [*files, ("photo", ("b.png", png(goods[1]["photo"]), "image/png"))]
    # A form without the name of a model: only one reads such fields.
    given = client.post("/v1/predict", data=fields | {"emb": json.dumps(row["emb"])}, files=more)
    both = {**row, "photo": [row["photo"], goods[1]["photo"]]}
    [expected] = predictor.predict_samples(predictor.make_samples([both]))
    assert given.json()["results"][0]["probability"] == pytest.approx(
        expected.probability, abs=1e-6
    )


def test_tensors_are_named_like_columns(client, predictor, goods):
    some = goods[:3]
    described = client.get("/v2/models/goods")
    ModelAnswer.model_validate_json(described.content, strict=True)
    tensors = {one["name"]: one for one in described.json()["inputs"]}
    assert [one["datatype"] for one in tensors.values()] == [
        *("BYTES", "BYTES", "FP64", "BYTES", "FP32")
    ]
    data = {name: [values_of(row)[name] for row in some] for name in COLUMNS}
    inputs = [
        {
            "name": name,
            "datatype": tensors[name]["datatype"],
            "shape": [3, 2] if name == "emb" else [3],
            "data": data[name],
        }
        for name in COLUMNS
    ]
    given = client.post("/v2/models/goods/infer", json={"inputs": inputs})
    outputs = InferAnswer.model_validate_json(given.content, strict=True).outputs
    answers = {one.name: one.data for one in outputs}
    assert answers["label"] == predictor.predict(some).tolist()
    twice = client.post("/v2/models/goods/infer", json={"inputs": [*inputs, inputs[0]]})
    assert (twice.status_code, "is there twice" in twice.text) == (422, True)
    short = [{**inputs[2], "shape": [2], "data": data["price"][:2]}, *inputs[:2]]
    uneven = client.post("/v2/models/goods/infer", json={"inputs": short})
    assert (uneven.status_code, "one length" in uneven.text) == (422, True)


def test_models_say_what_their_columns_are(client):
    given = client.get("/v1/models")
    models = ModelsAnswer.model_validate_json(given.content, strict=True).data
    found = {one.id: one for one in models}
    assert (found["goods"].modality, found["goods"].columns) == ("record", COLUMNS)
    assert (found["photos"].modality, found["photos"].columns) == ("image", {})
    assert client.get("/readyz").status_code == 200


WRONG = {
    "another column": ({"colour": "red"}, "columns colour: goods does not read them"),
    "no photo": ({"photo": None}, "photo: is missing"),
    "a photo that is a number": ({"photo": 3}, "photo: expected the file in base64, found 3"),
    "no base64": ({"photo": "???"}, "photo: "),
    "a broken photo": ({"photo": "aGVsbG8="}, "photo: "),
    "a caption that is a number": ({"caption": 3}, "caption: expected a text, found 3"),
    "a price that is a word": ({"price": "dear"}, "price: "),
    "prices": ({"price": [1, 2]}, "price: expected one number, found a list of 2"),
    "a vector that is short": ({"emb": [1]}, "emb: expected a vector of 2 numbers"),
    "a price that is endless": ({"price": 1e300}, "price: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_record_that_makes_no_sense_is_refused_in_words_and_costs_the_others_nothing(
    name, client, goods
):
    change, said = WRONG[name]
    good = values_of(goods[0])
    given = ask(client, {**good, **change}, good)
    assert given.status_code == 200
    bad, fine = given.json()["results"]
    assert bad["error"]["message"].startswith(said)
    assert fine["label"] in ("yes", "no")


def test_what_reads_no_records_and_what_reads_nothing_else_says_so(client, goods):
    picture = base64.b64encode(png(goods[0]["photo"])).decode()
    refused = client.post("/v1/predict", json={"data": picture, "model": "goods"})
    assert refused.status_code == 422
    assert "expected a value for each column that goods reads" in refused.text
    refused = client.post("/v1/predict", json={"values": {"photo": picture}, "model": "photos"})
    assert "values: photos reads image" in refused.text
    refused = client.post("/v1/embeddings", json={"input": "a text", "model": "goods"})
    assert (refused.status_code, "reads" in refused.text) == (422, True)
    form = client.post("/v1/predict?model=photos", files={"colour": (None, "red")})
    assert "field 'colour': expected files, or fields named text" in form.text
    nested = ask(client, {**values_of(goods[0]), "price": {"a": 1}})
    assert nested.status_code == 422


def test_what_is_no_value_is_refused_in_words_for_people(client, goods):
    row = values_of(goods[0])
    bare = client.post("/v1/predict", json=row)
    assert bare.status_code == 422
    assert "the columns of a record stand within values" in bare.text
    kinds = "expected a text, a number, true, false, null, or a list of texts and numbers"
    nested = ask(client, {**row, "caption": [["a"]]}).json()["error"]["message"]
    assert nested == f"samples.0.values.caption: {kinds}"
    two = client.post("/v1/predict", json={"values": {"photo": {}, "emb": [[1]]}, "model": "goods"})
    assert two.json()["error"]["message"] == f"values.photo: {kinds} (and 1 more)"
    beside = client.post("/v1/predict", json={"values": row, "text": "a bag", "model": "goods"})
    assert (beside.status_code, "found data or text beside them" in beside.text) == (422, True)
    # As the same cell of a table.
    empty = ask(client, {**row, "photo": ""}).json()["error"]["message"]
    assert empty == "samples[0]: photo: is missing"


def test_fields_of_a_form_named_like_a_setting_are_columns_or_refused(goods):
    names = {"model": "brand", "top_k": "price", "text": "caption", "__proto__": "photo"}
    rows = [{name: row[old] for name, old in names.items()} | {"y": row["sold"]} for row in goods]
    inputs = ["model:category", "top_k:number", "text:text", "__proto__:image"]
    cars = featx.fit(rows, target="y", inputs=inputs, head="ridge", baseline=False)
    small = featx.fit(
        goods, target="sold", inputs=["price:number", "brand:category"], baseline=False
    )
    [expected] = cars.predict_samples(cars.make_samples(rows[:1]))
    data = {name: str(rows[0][name]) for name in ("model", "top_k", "text")}
    form = {"data": data, "files": {"__proto__": ("a.png", png(rows[0]["__proto__"]))}}
    with TestClient(create_app({"cars": cars})) as client:
        [alone] = client.post("/v1/predict", **form).json()["results"]
        assert alone["probability"] == pytest.approx(expected.probability, abs=1e-6)
    with TestClient(create_app({"cars": cars, "goods": small})) as client:
        [named] = client.post("/v1/predict?model=cars", **form).json()["results"]
        assert named["probability"] == pytest.approx(expected.probability, abs=1e-6)
        unnamed = client.post("/v1/predict", **{**form, "data": {**data, "model": "cars"}})
        assert unnamed.status_code == 422
        del data["top_k"]
        unnamed = client.post("/v1/predict", **{**form, "data": {**data, "model": "cars"}})
        assert "cars reads a column of that name; name the model in the query" in unnamed.text


def test_files_and_texts_of_all_records_together_are_bounded(predictor, goods):
    limits = Limits(max_samples=2, max_characters=1000, max_total_pixels=400, max_pixels=300)
    with TestClient(create_app({"goods": predictor}, limits=limits)) as client:
        good = values_of(goods[0])
        many = ask(client, {**good, "photo": [good["photo"]] * 9})
        assert (many.status_code, "9 files: expected at most 8" in many.text) == (413, True)
        long = ask(client, {**good, "caption": "x" * 1001})
        assert (long.status_code, "more than 1,000 characters" in long.text) == (413, True)
        # 81 pixels each
        large = ask(client, {**good, "photo": [good["photo"]] * 5})
        assert (large.status_code, "more than 400 pixels" in large.text) == (413, True)
        assert ask(client, good).status_code == 200
