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
