"""Pictures for a server's tests, and how its failures look."""

import base64
import io

import numpy as np
from PIL import Image

__all__ = ["DARK", "LIGHT", "PICTURES", "PNG", "error_of", "noise", "to_base64", "to_png"]

PNG = {"Content-Type": "image/png"}


def noise(base, seed, size=(48, 64, 3)):
    """Return a picture of about that brightness."""
    spread = np.random.default_rng(seed).integers(-30, 30, size)
    return (base + spread).astype(np.uint8)


def to_png(array):
    """Return a picture as the bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, "png")
    return file.getvalue()


def to_base64(data):
    """Return bytes as JSON can hold them."""
    return base64.b64encode(data).decode()


def error_of(response, status):
    """Return the message of a failure, which has the one shape that failures have."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    # The Open Inference Protocol has a shape of its own.
    if response.url.path.startswith("/v2"):
        assert response.json() == {"error": str(error)}
        return error
    assert error["status"] == status
    assert error["code"]
    assert error["message"] == error["message"].strip()
    return error["message"]


PICTURES = [noise(base, seed) for seed in range(6) for base in (40, 200)]
DARK, LIGHT = to_png(noise(40, 100)), to_png(noise(200, 100))
