"""Queries and bodies: what is wrong with them is said in words, and nothing in them is taken for a path."""

import pytest

from tests.support.serving import DARK, LIGHT, PNG, error_of, to_base64


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"params": {"model": "shape"}, "content": DARK}, 404, "no model named 'shape'"),
        ({"params": {"top_k": "0"}, "content": DARK}, 422, "top_k: "),
        ({"params": {"top_k": "many"}, "content": DARK}, 422, "top_k: "),
        ({"content": DARK, "headers": {"Content-Type": "video/mp4"}}, 415, "found video/mp4"),
        ({"content": DARK, "headers": {"Content-Type": "audio/wav"}}, 415, "reads image"),
        ({"content": DARK, "headers": {"Content-Type": ""}}, 415, "found none"),
        ({"content": b"", "headers": PNG}, 422, "empty"),
        ({"json": {"samples": []}}, 422, "no sample"),
        ({"json": {"samples": [{"date": ""}]}}, 422, "samples.0.date: "),
        ({"json": []}, 422, "the body: "),
        ({"json": {"samples": [{"data": ""}] * 65}}, 413, "65 samples: expected at most 64"),
        ({"files": {"file": ("a.png", DARK)}, "data": {"modle": "shade"}}, 422, "field 'modle'"),
        ({"files": [("file", (str(k), b"x")) for k in range(65)]}, 413, "65 samples"),
        ({"files": [("file", (str(k), b"x")) for k in range(80)]}, 400, "Too many files"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_in_words(client, given, status, words):
    if "content" in given:
        given = {"headers": PNG, **given}
    assert words in error_of(client.post("/v1/predict", **given), status)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"samples":' + b"9" * 9000])
def test_a_body_that_is_no_json_is_refused_in_words(client, body):
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/predict", "/v1/embeddings", "/v2/models/shade/infer"):
        assert "not JSON" in error_of(client.post(path, content=body, headers=headers), 400)


def test_a_query_that_comes_again_means_the_same_whatever_the_body_is(client):
    def labels(query, body):
        results = client.post(f"/v1/predict?{query}", content=body, headers=PNG).json()["results"]
        return [(one["model"], one["label"], len(one["top"])) for one in results]

    for _ in range(2):
        assert labels("model=shade&top_k=1", DARK) == [("shade", "dark", 1)]
        assert labels("model=shade&top_k=1", LIGHT) == [("shade", "light", 1)]
        assert labels("model=shade&top_k=2", LIGHT) == [("shade", "light", 2)]
        # Of a name that is given again and again it is one.
        assert labels("&".join(["model=shade"] * 90), DARK) == [("shade", "dark", 2)]
        wrong = client.post("/v1/predict?top_k=0", content=DARK, headers=PNG)
        assert "top_k: " in error_of(wrong, 422)


def test_half_a_surrogate_is_no_failure_of_the_server(client):
    body = b'{"samples": [{"id": "\\ud800", "data": "\\udfff"}], "model": "\\ud800"}'
    response = client.post(
        "/v1/predict", content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (404, 422)


def test_a_text_or_an_id_that_names_a_file_is_never_opened(client, tmp_path):
    (tmp_path / "secret.png").write_bytes(DARK)
    path = str(tmp_path / "secret.png")
    for sample in ({"text": path}, {"data": to_base64(path.encode())}, {"id": path, "data": ""}):
        response = client.post("/v1/predict", json={"samples": [sample], "model": "shade"})
        assert error_of(response, 422)


@pytest.mark.parametrize("cut", [4, 8, 9, 100, 4000])
def test_a_form_that_was_cut_off_is_refused_and_no_part_of_it_left_out(client, cut):
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%d.png"\r\n\r\n%s\r\n'
    form = part % (0, DARK) + part % (1, LIGHT) + b"--x--"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    whole = client.post("/v1/predict?model=shade", content=form, headers=headers)
    assert [one["label"] for one in whole.json()["results"]] == ["dark", "light"]
    answer = client.post("/v1/predict?model=shade", content=form[:-cut], headers=headers)
    assert "the form has no end" in error_of(answer, 400)
