"""Small networks that tests make, and what they are fed."""

import numpy as np
import onnx.parser

from pipeline.base.jobs import Job
from pipeline.inference.networks import Prediction
from pipeline.inference.predict import predict
from pipeline.pixels.image_io import Photo
from tests import house


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


def _alike(cell: str) -> str:
    """What every test network that picks does: where the photo has colours like those at the first point.

    `cell` makes `place`, the row and column of the point in the embedding, of its coordinates.
    """
    return (
        f"{cell} swapped = Gather<axis = -1>(place, turn) index = Reshape(swapped, two) at = Cast<to = 7>(index)"
        " last = Transpose<perm = [0, 2, 3, 1]>(image_embeddings) map = Squeeze(last, zero)"
        " colour = GatherND(map, at) apart = Sub(map, colour) absolute = Abs(apart)"
        " most = ReduceMax<axes = [2], keepdims = 0>(absolute) logits = Sub(near, most)"
        " grey = Unsqueeze(logits, both)"
    )


_POOL = (
    "pooled = AveragePool<kernel_shape = [16, 16], strides = [16, 16]>(picture) image_embeddings = Pad(pooled, wide)"
)
_WIDE = "int64[8] wide = {0, 0, 0, 0, 0, 253, 0, 0}"
_CONSTANTS = "int64[1] zero = {0}, int64[1] two = {2}, int64[2] both = {0, 1}, int64[2] turn = {1, 0}"
_PROMPT = (
    "float[1, n, 2] point_coords, float[1, n] point_labels, float[1, 1, 256, 256] mask_input, float[1] has_mask_input"
)

# As MobileSAM, SAM 2.1 and EfficientSAM in what their two networks are fed and answer: encoder, decoder.
PICKING = {
    "mobilesam": (
        network(
            "net (float[h, w, 3] input_image) => (float[1, 256, 64, 64] image_embeddings) "
            f"<{_WIDE}, int64[1] zero = {{0}}, float scale = {{0.00392}}, int64[4] square = {{1, 3, 1024, 1024}}> "
            "{ small = Mul(input_image, scale) first = Transpose<perm = [2, 0, 1]>(small) one = Unsqueeze(first, zero)"
            " shape = Shape(one) missing = Sub(square, shape) begin = Sub(shape, shape)"
            f" pads = Concat<axis = 0>(begin, missing) picture = Pad(one, pads) {_POOL} }}"
        ),
        network(
            f"net (float[1, 256, 64, 64] image_embeddings, {_PROMPT}, float[2] orig_im_size) => "
            "(float[1, 1, h, w] masks, float[1, 1] iou_predictions, float[1, 1, 64, 64] low_res_masks) "
            f"<{_CONSTANTS}, float near = {{0.15}}, float cell = {{16}}, int64[1] one = {{1}}, float[4] scales = "
            "{1, 1, 16, 16}, int64[2] start = {0, 0}, int64[2] sides = {2, 3}, float[1, 1] good = {0.9}> "
            "{ first = Slice(point_coords, zero, one, one) "
            f"{_alike('place = Div(first, cell)')} large = Resize(grey, , scales) size = Cast<to = 7>(orig_im_size)"
            " masks = Slice(large, start, size, sides) iou_predictions = Identity(good)"
            " low_res_masks = Identity(grey) }"
        ),
    ),
    "sam2.1-tiny": (
        network(
            "net (float[1, 3, 1024, 1024] input) => (float[1, 256, 64, 64] image_embeddings, "
            "float[1, 32, 256, 256] high_res_features1, float[1, 64, 128, 128] high_res_features2) "
            f"<{_WIDE}, int64[8] to32 = {{0, 0, 0, 0, 0, 29, 0, 0}}, int64[8] to64 = {{0, 0, 0, 0, 0, 61, 0, 0}}> "
            f"{{ picture = Identity(input) {_POOL} fine = AveragePool<kernel_shape = [4, 4], strides = [4, 4]>(input)"
            " middle = AveragePool<kernel_shape = [8, 8], strides = [8, 8]>(input)"
            " high_res_features1 = Pad(fine, to32) high_res_features2 = Pad(middle, to64) }"
        ),
        network(
            "net (float[1, 256, 64, 64] image_embeddings, float[1, 32, 256, 256] high_res_features1, "
            f"float[1, 64, 128, 128] high_res_features2, {_PROMPT}, int64[2] orig_im_size) => "
            "(float[1, 3, h, w] masks, float[1, 3] scores, float[1, 1, 64, 64] low_res_masks) "
            f"<{_CONSTANTS}, float near = {{0.6}}, float cell = {{16}}, int64[1] one = {{1}}, "
            "int64[2] ones = {1, 1}, float[1, 3] good = {0.2, 0.9, 0.4}> { first = Slice(point_coords, zero, one, one) "
            f"{_alike('place = Div(first, cell)')} sizes = Concat<axis = 0>(ones, orig_im_size)"
            " large = Resize(grey, , , sizes) none = Sub(large, large) inverse = Sub(none, large)"
            " masks = Concat<axis = 1>(inverse, large, none) scores = Identity(good) low_res_masks = Identity(grey) }"
        ),
    ),
    "efficientsam-tiny": (
        network(
            "net (float[1, 3, h, w] batched_images) => (float[1, 256, 64, 64] image_embeddings) "
            f"<{_WIDE}, int64[4] square = {{1, 3, 1024, 1024}}> "
            f"{{ picture = Resize(batched_images, , , square) {_POOL} }}"
        ),
        network(
            "net (float[1, 256, 64, 64] image_embeddings, float[1, q, n, 2] batched_point_coords, "
            "float[1, q, n] batched_point_labels, int64[2] orig_im_size) => "
            "(float[1, 1, 3, h, w] output_masks, float[1, 1, 3] iou_predictions, float[1, 1, 64, 64] low_res_masks) "
            f"<{_CONSTANTS}, float near = {{0.15}}, float cells = {{64}}, int64[1] one = {{1}}, "
            "int64[2] ones = {1, 1}, float[1, 1, 3] good = {0.9, 0.2, 0.1}> "
            "{ first = Slice(batched_point_coords, zero, one, two) "
            "high = Cast<to = 1>(orig_im_size) wide = Gather<axis = 0>(high, turn) part = Div(first, wide) "
            f"{_alike('place = Mul(part, cells)')} sizes = Concat<axis = 0>(ones, orig_im_size)"
            " large = Resize(grey, , , sizes) three = Concat<axis = 1>(large, large, large)"
            " output_masks = Unsqueeze(three, zero) iou_predictions = Identity(good) low_res_masks = Identity(grey) }"
        ),
    ),
}


def predict_afresh(rgb: np.ndarray, model: str) -> Prediction:
    """What a model says of a photo, whatever is remembered of it."""
    return predict(Photo(rgb), model, house.runtime(), Job(), cache=False).prediction
