"""The server's page in a real browser: skipped where there is no Chromium."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from wave import open as open_wave

import numpy as np
import pytest
from PIL import Image

import featx
from tests.support.goods import draw_goods

PHONE = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LAUNCH = """
import os, sys
reads, writes = os.dup(int(sys.argv[1])), os.dup(int(sys.argv[2]))
# Whatever numbers they had: Chromium reads on 3 and writes on 4.
os.dup2(reads, 13), os.dup2(writes, 14)
os.dup2(13, 3), os.dup2(14, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: the page is not tested")


class Browser:
    """A headless Chromium, spoken to over its debugging pipe."""

    def __init__(self, profile):
        theirs, self._ours = os.pipe()
        self._answers, answers = os.pipe()
        options = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", LAUNCH, str(theirs), str(answers), CHROMIUM),
                *(*options.split(), "--remote-debugging-pipe", "--window-size=800,900"),
                *(f"--user-data-dir={profile}", "about:blank"),
            ],
            pass_fds=[theirs, answers],
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(answers)
        self._rest, self._count, self._session = b"", 0, None
        self.requests = []
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(info for info in targets if info["type"] == "page")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "DOM", "Network", "Accessibility"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **parameters):
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._ours, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._next()
            if reply.get("method") == "Network.requestWillBeSent":
                self.requests.append(reply["params"]["request"]["url"])
            if reply.get("id") == self._count:
                assert "error" not in reply, reply
                return reply["result"]

    def _next(self):
        while b"\0" not in self._rest:
            part = os.read(self._answers, 1 << 16)
            assert part, "the browser has gone"
            self._rest += part
        one, _, self._rest = self._rest.partition(b"\0")
        return json.loads(one)

    def run(self, script):
        """Return the value of an expression in the page, once its promise is fulfilled."""
        reply = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    def until(self, script):
        """Wait until an expression holds, looking at each change of the picture."""
        self.run(
            "new Promise((done, lost) => { const end = Date.now() + 20000; const look = () => "
            f"({script}) ? done() : Date.now() > end ? lost(document.body.innerText) "
            ": setTimeout(look, 20); look(); })"
        )

    def key(self, name, code=0, text=""):
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=name,
                code=name,
                windowsVirtualKeyCode=code,
                **({"text": text} if text and kind == "keyDown" else {}),
            )

    def shoot(self, path):
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        self._process.terminate()
        self._process.wait(20)
        os.close(self._ours)
        os.close(self._answers)


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path / "profile")
    yield browser
    browser.close()


def serve(*arguments):
    command = [sys.executable, "-m", "featx", "serve", *map(str, arguments), "--port", "0"]
    server = subprocess.Popen([*command, "--jobs", "1"], stderr=subprocess.PIPE, text=True)
    host, port = json.loads(server.stderr.readline())["address"]
    return server, f"http://{host}:{port}/"


@pytest.fixture
def pictures(tmp_path, rng):
    arrays = [
        (base + rng.integers(-30, 30, (48, 64, 3))).astype(np.uint8)
        for _ in range(6)
        for base in (40, 200)
    ]
    Image.fromarray(arrays[1]).resize((320, 240)).save(tmp_path / "light.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "light.png").read_bytes()[:300])
    classifier = featx.fit(featx.make_samples(arrays, ["dark", "light"] * 6))
    return featx.save(classifier, tmp_path / "shade.featx")


def choose(browser, path, selector="#file"):
    root = browser.ask("DOM.getDocument")["root"]["nodeId"]
    node = browser.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
    browser.ask("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


@pytest.mark.slow
def test_a_picture_is_chosen_and_classified_and_the_answer_shown(browser, pictures, tmp_path):
    server, address = serve(pictures)
    try:
        browser.ask("Page.navigate", url=address)
        browser.until(
            "document.querySelector('#files') && !document.querySelector('#files').hidden"
        )
        browser.key("Tab", 9)
        assert browser.run("document.activeElement.id") == "file"
        choose(browser, tmp_path / "light.png")
        browser.until("!document.querySelector('#result').hidden")
        assert browser.run("document.querySelector('#prediction').textContent").startswith(
            "light, "
        )
        assert "Answered in" in browser.run("document.querySelector('[role=status]').textContent")
        assert browser.run("document.activeElement.id") == "result"
        labels = "[...document.querySelectorAll('tbody th')].map(cell => cell.textContent)"
        assert browser.run(labels) == ["light", "dark"]
        browser.until("document.querySelector('#sample img').naturalWidth === 320")
        browser.shoot(tmp_path / "page.png")
        choose(browser, tmp_path / "broken.png")
        browser.until("document.querySelector('#status').className === 'bad'")
        assert "damaged image" in browser.run("document.querySelector('#status').textContent")
        assert browser.run("document.querySelector('#result').hidden")
        browser.run(
            "{ const data = new DataTransfer(); "
            "const canvas = document.createElement('canvas'); canvas.width = canvas.height = 40;"
            "canvas.toBlob(blob => { data.items.add(new File([blob], 'drawn.png', {type: 'image/png'}));"
            "document.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true})); }); }"
        )
        browser.until("document.querySelector('#sample img')?.alt.endsWith('drawn.png')")
        names = accessible(browser)
        assert {"Choose a picture", "Try a classifier", "What shade says"} <= names
        elsewhere = [u for u in browser.requests if not u.startswith((address, "data:", "blob:"))]
        assert not elsewhere
    finally:
        server.kill()
        server.communicate()


def drop(browser, path):
    """Drag a file from elsewhere onto the page, as a mouse does."""
    where = "(r => [r.x + r.width / 2, r.y + r.height / 2])"
    x, y = browser.run(f"{where}(document.querySelector('#drop').getBoundingClientRect())")
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)


def write_wav(path, wave, rate=16000):
    with closing(open_wave(str(path), "wb")) as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((wave * 32767).astype("<i2").tobytes())
    return path


def read_answer(browser):
    """Return the status once an answer is there, and each label with its bar and its share."""
    browser.until("document.querySelector('#status').textContent.startsWith('Answered')")
    rows = browser.run(
        "[...document.querySelectorAll('tbody tr')].map(row => [row.querySelector('th').textContent,"
        " row.querySelector('.fill').offsetWidth / row.querySelector('.track').offsetWidth,"
        " row.querySelector('.share').textContent])"
    )
    return browser.run("document.querySelector('#status').textContent"), rows


@pytest.mark.slow
def test_a_sound_is_dropped_and_answered_with_bars_and_latency(browser, tmp_path, rng):
    pytest.importorskip("soundfile")
    times = np.arange(16000) / 16000
    tones = [np.sin(2 * np.pi * (400 + 40 * k) * times) * 0.5 for k in range(6)]
    hisses = [rng.normal(0, 0.1, 16000) for _ in range(6)]
    waves = [wave.astype(np.float32) for wave in [*tones, *hisses]]
    samples = featx.make_samples(waves, ["tone"] * 6 + ["hiss"] * 6)
    classifier = featx.fit(samples, backbone="featx-audio-mel", head="centroid")
    sound = write_wav(tmp_path / "a tone.wav", np.sin(2 * np.pi * 470 * times) * 0.5)
    [expected] = classifier.predict_proba([sound])
    assert classifier.predict([sound]) == ["tone"]
    server, address = serve(featx.save(classifier, tmp_path / "noises.featx"))
    try:
        browser.ask("Page.navigate", url=address)
        browser.until("document.querySelector('#file-label')?.textContent === 'Choose a sound'")
        drop(browser, sound)
        status, rows = read_answer(browser)
        whole, inside = map(int, re.findall(r"(\d+) ms", status))
        assert 0 <= inside <= whole
        assert [label for label, _, _ in rows] == ["tone", "hiss"]
        shares = dict(zip(classifier.classes, expected, strict=True))
        for label, width, share in rows:
            assert share == f"{100 * shares[label]:.1f} %"
            assert abs(width - shares[label]) < 0.02  # a bar is never less than two pixels
        assert browser.run("document.querySelector('#file').files[0].name") == "a tone.wav"
        browser.until("document.querySelector('#sample audio')?.duration === 1")
        assert "The sound that was given: a tone.wav" in accessible(browser)
    finally:
        server.kill()
        server.communicate()


@pytest.mark.slow
def test_a_picture_is_pasted_and_gone_once_another_classifier_is_chosen(
    browser, pictures, tmp_path
):
    other = featx.save(featx.load(pictures), tmp_path / "twin.featx")
    server, address = serve(pictures, other)
    try:
        browser.ask("Page.navigate", url=address)
        browser.until("document.querySelector('#model')?.options.length === 2")
        content = base64.b64encode((tmp_path / "light.png").read_bytes()).decode()
        browser.run(
            "{ const data = new DataTransfer();"
            f"const bytes = Uint8Array.from(atob('{content}'), letter => letter.charCodeAt(0));"
            "data.items.add(new File([bytes], 'image.png', {type: 'image/png'}));"
            "document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data})); }"
        )
        _, rows = read_answer(browser)
        assert rows[0][0] == "light"
        assert browser.run("document.querySelector('#file').files[0].name") == "image.png"
        browser.run("document.querySelector('#model').focus()")
        browser.key("ArrowDown", 40)
        browser.until("document.querySelector('#model').value === 'twin'")
        assert browser.run("document.querySelector('#result').hidden")
        assert browser.run("document.querySelector('#file').files.length") == 0
    finally:
        server.kill()
        server.communicate()


@pytest.mark.slow
def test_what_speaks_for_an_answer_is_drawn_over_the_picture(browser, pictures, tmp_path):
    server, address = serve(pictures)
    try:
        browser.ask("Page.navigate", url=address)
        browser.until("document.querySelector('#files')?.hidden === false")
        browser.run("document.querySelector('#explain').click()")
        choose(browser, tmp_path / "light.png")
        read_answer(browser)
        browser.until("document.querySelector('#sample img').naturalWidth === 320")
        assert browser.run("document.querySelectorAll('#sample .map rect').length") == 49
        box = "(e => { const r = e.getBoundingClientRect(); return [r.width, r.height]; })"
        image, map = (
            browser.run(f"{box}(document.querySelector('#sample .map {tag}'))")
            for tag in ("img", "svg")
        )
        assert image == map
        said = browser.run("document.querySelector('#sample p').textContent")
        assert said.startswith("Score of light, not dark: ")
        assert "stands between the map and the row" in said
    finally:
        server.kill()
        server.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 800])
def test_nothing_stands_out_of_a_narrow_window(width, browser, pictures, tmp_path):
    server, address = serve(pictures)
    try:
        browser.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=700,
            deviceScaleFactor=1,
            mobile=False,
        )
        browser.ask("Page.navigate", url=address)
        browser.until("document.querySelector('#files')?.hidden === false")
        choose(browser, tmp_path / "light.png")
        read_answer(browser)
        assert browser.run("document.documentElement.scrollWidth") <= width
    finally:
        server.kill()
        server.communicate()


def accessible(browser):
    """Return the names that a screen reader is given."""
    nodes = browser.ask("Accessibility.getFullAXTree")["nodes"]
    return {node.get("name", {}).get("value", "").strip() for node in nodes}


@pytest.mark.slow
def test_a_text_is_typed_after_the_token_and_classified_by_the_keyboard_alone(browser, tmp_path):
    pytest.importorskip("tokenizers")
    plain = ("a good fine day", "a bad awful day", "very nice", "so sad", "fine", "awful")
    texts = [*plain, *(f"{text} indeed" for text in plain)]
    samples = featx.make_samples(texts, ["yes", "no"] * 6)
    classifier = featx.fit(samples, backbone="featx-text-nano")
    server, address = serve(
        featx.save(classifier, tmp_path / "mood.featx"), "--token", "open sesame"
    )
    try:
        browser.ask("Page.navigate", url=address)
        browser.until("document.activeElement?.id === 'token'")
        browser.ask("Input.insertText", text="open sesame")
        browser.key("Enter", 13, "\r")
        browser.until("!document.querySelector('#texts').hidden")
        browser.until("document.activeElement?.id === 'text'")
        browser.run("document.querySelector('#explain').click()")
        browser.ask("Input.insertText", text="what a nice and good day")
        browser.key("Tab", 9)
        browser.key("Enter", 13, "\r")
        _, rows = read_answer(browser)
        assert [label for label, _, _ in rows] == ["yes", "no"]
        assert browser.run("document.querySelector('#prediction').textContent").startswith("yes, ")
        marks = "[...document.querySelectorAll('#sample mark')].map(mark => mark.textContent)"
        assert browser.run(marks) == "what a nice and good day".split()
    finally:
        server.kill()
        server.communicate()


@pytest.mark.slow
def test_the_page_asks_for_sets_and_for_what_is_new(browser, pictures, tmp_path):
    shutil.copy(tmp_path / "light.png", tmp_path / "again.png")
    server, address = serve(pictures)
    said = "[...document.querySelectorAll('#known li')].map(line => line.textContent)"
    try:
        browser.ask("Page.navigate", url=address)
        browser.until("document.querySelector('#files')?.hidden === false")
        choose(browser, tmp_path / "light.png")
        read_answer(browser)
        assert browser.run(said) == []
        browser.run(
            "{ document.querySelector('#sureness').open = true;"
            "document.querySelector('#coverage').value = '0.8';"
            "document.querySelector('#novelty').checked = true; }"
        )
        choose(browser, tmp_path / "again.png")
        browser.until("!document.querySelector('#known').hidden")
        first, second = browser.run(said)
        assert first == "With a coverage of 80 %: light"
        assert second.startswith("Not new: ")
        assert {"Labels that hold the right one", "Answer only where it is sure"} <= accessible(
            browser
        )
        browser.shoot(tmp_path / "sure.png")
    finally:
        server.kill()
        server.communicate()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
def test_a_record_has_a_field_for_each_column(browser, tmp_path):
    inputs = ["photo:image", "caption:text", "price:number", "brand:category"]
    goods = draw_goods(24)
    made = featx.fit(goods, target="sold", inputs=inputs, head="ridge", baseline=False)
    Image.fromarray(goods[1]["photo"]).resize((160, 120)).save(tmp_path / "light.png")
    server, address = serve(featx.save(made, tmp_path / "goods.featx"))
    try:
        browser.ask("Emulation.setDeviceMetricsOverride", **PHONE)
        browser.ask("Page.navigate", url=address)
        browser.until("document.querySelector('#record')?.hidden === false")
        assert browser.run("document.querySelector('#files').hidden")
        browser.run("document.querySelector('#record button').click()")
        browser.until("document.querySelector('#status').className === 'bad'")
        said = "document.querySelector('#status').textContent"
        assert browser.run(said) == "Fill in a field first."
        choose(browser, tmp_path / "light.png", "#column-0")
        for number, text in enumerate(("a pear number 1", "9.5", "Acme"), 1):
            browser.run(f"document.querySelector('#column-{number}').focus()")
            browser.ask("Input.insertText", text=text)
        browser.run("document.querySelector('#record button').click()")
        _, rows = read_answer(browser)
        values = {"caption": "a pear number 1", "price": 9.5, "brand": "Acme"}
        [expected] = made.predict([{"photo": str(tmp_path / "light.png"), **values}])
        assert rows[0][0] == expected
        shown = "[...document.querySelectorAll('#sample dt')].map(name => name.textContent)"
        assert browser.run(shown) == [one.split(":")[0] for one in inputs]
        browser.until("document.querySelector('#sample img').naturalWidth === 160")
        assert {"photo (picture)", "price (number)"} <= accessible(browser)
        assert browser.run("document.documentElement.scrollWidth") <= PHONE["width"]
        browser.shoot(tmp_path / "record.png")
        elsewhere = [u for u in browser.requests if not u.startswith((address, "data:", "blob:"))]
        assert not elsewhere
    finally:
        server.kill()
        server.communicate()
