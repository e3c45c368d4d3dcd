"""Try what the image would hold, without a container engine: install by the Dockerfile's own line, and ask.

    python deploy/rehearse.py

Makes a virtual environment, bundles a classifier into it, takes away every right to write but to one folder for
temporary files, and asks ``featx serve`` whether it is ready and for one prediction. Needs a package index.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import tempfile
import time
import venv
from pathlib import Path
from urllib.request import Request, urlopen

SOURCE = Path(__file__).resolve().parents[1]
# As --cap-drop ALL: without capabilities root, too, may not write what is read-only.
NO_CAPABILITIES = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
BUNDLE = """
import numpy as np, featx, sys
pictures = [np.full((40, 50, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
classifier = featx.fit(featx.make_samples(pictures, ["dark"] * 3 + ["light"] * 3))
featx.save(classifier, sys.argv[1], bundle=True)
"""


def command_of(dockerfile: str) -> tuple[str, list[str]]:
    """Return what the Dockerfile asks pip for, with its extras, and what the image starts."""
    [extras] = re.findall(r"pip install --no-cache-dir '/source(\[.*\])'", dockerfile)
    [entry] = re.findall(r"^ENTRYPOINT (\[.*\])$", dockerfile, re.MULTILINE)
    return f"{SOURCE}{extras}", json.loads(entry)


def dark_picture() -> bytes:
    """Return a BMP of 8 x 8 dark pixels, drawn without a library."""
    pixels = bytes(8 * 8 * 3)
    header = (b"BM", 54 + len(pixels), 0, 54, 40, 8, 8, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    sizes = (2, 4, 4, 4, 4, 4, 4, 2, 2, 4, 4, 4, 4, 4, 4)
    file = io.BytesIO()
    for value, size in zip(header, sizes, strict=True):
        file.write(value if isinstance(value, bytes) else value.to_bytes(size, "little"))
    return file.getvalue() + pixels


def rehearse(work: Path) -> None:
    """Install featx, bundle a classifier, serve it without the right to write, and ask it."""
    wanted, entry = command_of((SOURCE / "deploy/Dockerfile").read_text(encoding="utf-8"))
    opt, classifier, home, scratch = (work / n for n in ("opt", "dark.featx.zip", "home", "tmp"))
    venv.create(opt, with_pip=True)
    subprocess.run([opt / "bin/pip", "install", "--quiet", "--no-cache-dir", wanted], check=True)
    home.mkdir()
    scratch.mkdir()
    plain = {"PATH": f"{opt}/bin:{os.environ['PATH']}", "HOME": str(home), "TMPDIR": str(scratch)}
    plain |= {"FEATX_DATA_DIR": str(home / "data"), "FEATX_CACHE_DIR": str(scratch / "featx")}
    subprocess.run([opt / "bin/python", "-c", BUNDLE, classifier], check=True, env=plain, cwd=home)
    assert not any(home.iterdir()), f"written to the home: {list(home.iterdir())}"
    subprocess.run(["chmod", "-R", "a-w", opt, classifier, home], check=True)
    drop = NO_CAPABILITIES if os.geteuid() == 0 else []
    probe = subprocess.run([*drop, "touch", home / "x"], stderr=subprocess.DEVNULL, check=False)
    assert probe.returncode, "the home can still be written"
    # Port 0 is a free one; the image has another host and port in its environment.
    plain |= {"FEATX_HOST": "127.0.0.1", "FEATX_PORT": "0"}
    command = [*drop, str(opt / "bin" / entry[0]), *entry[1:], str(classifier)]
    print(shlex.join(command))
    start = time.perf_counter()
    with subprocess.Popen(command, env=plain, cwd=home, stderr=subprocess.PIPE) as server:
        try:
            assert server.stderr
            host, port = json.loads(server.stderr.readline())["address"]
            print(f"listens after {time.perf_counter() - start:.1f} s")
            print(urlopen(f"http://{host}:{port}/readyz").read().decode())
            kind = {"Content-Type": "image/bmp"}
            request = Request(f"http://{host}:{port}/v1/predict", dark_picture(), kind)
            answer = json.load(urlopen(request))
            print(answer["results"])
            assert answer["results"][0]["label"] == "dark", answer
        finally:
            server.terminate()
    subprocess.run(["chmod", "-R", "u+w", work], check=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        rehearse(Path(folder).resolve())
    print("answers as the image would")
