"""Small networks that tests make, and what they are fed."""

import numpy as np
import onnx.parser


def network(text: str) -> bytes:
    """The bytes of an ONNX file, from ONNX's textual form."""
    return bytes(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}').SerializeToString())


TWO_ANSWERS = network(
    "net (float[1, 3, 8, 8] x) => (float[1, 1, 8, 8] red, float[1, 1, 8, 8] green) "
    "<float[1, 3, 1, 1] r = {1, 0, 0}, float[1, 3, 1, 1] g = {0, 1, 0}> { red = Conv(x, r) green = Conv(x, g) }"
)
TWO_INPUT = np.stack([np.full((8, 8), value, np.float32) for value in (0.25, 0.75, 0)])[None]

# As RVM in what it is fed and answers: half of the photo's red, and half of the red of the frame before.
REMEMBERS_RED = network(
    "net (float[1, 3, h, w] src, float[1, 1, h1, w1] r1i, float[1, 1, h2, w2] r2i, float[1, 1, h3, w3] r3i, "
    "float[1, 1, h4, w4] r4i, float[1] downsample_ratio) => (float[1, 3, h, w] fgr, float[1, 1, h, w] pha, "
    "float[1, 1, h, w] r1o, float[1, 1, h2, w2] r2o, float[1, 1, h3, w3] r3o, float[1, 1, h4, w4] r4o) "
    "<float[1, 3, 1, 1] kernel = {1, 0, 0}, float half = {0.5}, float one = {1}, float two = {2}> { fgr = Identity(src)"
    " r1o = Conv(src, kernel) now = Mul(r1o, half) before = Mul(r1i, half) pha = Add(now, before)"
    " r2o = Add(r2i, one) r3o = Add(r3i, two) r4o = Add(r4i, downsample_ratio) }"
)
