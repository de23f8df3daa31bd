"""The photo's own shadow on a plain background: how much darker than that background each pixel is."""

from typing import NamedTuple

import cv2
import numpy as np

from ..pixels.geometry import fit_size
from ..pixels.resample import shrink
from .smoothing import enlarge, fill_in

NOT_PLAIN = "background_not_plain"  # warning: no shadow was kept
LONG_SIDE = 1024  # pixels at which the shadow is measured
AWAY = 0.003  # of the picture: closer to the subject, pixels may have its colour
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
NOISE, CERTAIN = 0.012, 0.045  # darkening up to which there is no shadow, and from which there is


class _Plain(NamedTuple):
    """Limits for a background that counts as plain, as shares of its brightness or of its pixels."""

    least: float = 0.08  # of the picture has to be background
    level: float = 60.0  # of 255: the least brightness, since no shadow can be told on a dark background
    brighter: float = 0.03  # of its pixels may be clearly brighter than the model
    lit: float = 0.35  # of its pixels have to be in no shadow
    texture: float = 0.035  # detail that 95 % of its pixels stay under
    tint: float = 0.16  # of a shadow: how differently it may darken red, green and blue
    black: float = 0.01  # of its pixels may be too dark for a soft shadow


PLAIN = _Plain()


def estimate_shadow(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray | None:
    """The photo's own soft shadow, as the alpha of a black layer.

    The background without shadow is modelled, for each channel, as a surface of second degree, fitted to the pixels
    outside the subject with little weight on darker ones. A pixel's quotient by that model is the light that the shadow
    leaves: black of alpha ``1 - quotient`` on the model gives the photo again. Next to the subject and beneath it the
    shadow is continued from around it.

    Parameters
    ----------
    rgb
        The photo, ``(H, W, 3)`` uint8.
    alpha
        Its matte, ``(H, W)`` uint8.

    Returns
    -------
    np.ndarray or None
        ``(H, W)`` uint8; None where the background is not plain enough.

    Notes
    -----
    The asymmetric fit: Eilers and Boelens, Baseline Correction with Asymmetric Least Squares Smoothing, 2005.
    """
    height, width = alpha.shape
    small = fit_size((width, height), LONG_SIDE)
    values = shrink(rgb, small).astype(np.float32)
    away = 1 + 2 * round(AWAY * max(small) + 1)
    clear = shrink(alpha, small) <= 2
    outside = cv2.erode(clear.astype(np.uint8), np.ones((away, away))) > 0
    if outside.mean() < PLAIN.least:
        return None
    model = _model_background(values, outside)
    left = values @ LUMA / np.maximum(model @ LUMA, 1)
    if not _is_plain(values, model, left, outside):
        return None
    dark = np.clip(1 - left, 0, 1)
    dark *= np.clip((dark - NOISE) / (CERTAIN - NOISE), 0, 1)
    dark = cv2.GaussianBlur(_continue_shadow(dark, outside, clear), (0, 0), 1.0)
    return enlarge(dark * 255, (width, height))


def _continue_shadow(dark: np.ndarray, outside: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """The shadow continued beneath the subject: as dark as the nearest pixel of `outside`.

    Between `outside` and the subject (`clear`) it may be up to 1.4 times as dark, as shadows are where things touch;
    not more, since the subject's own edge may be there.
    """
    label = cv2.distanceTransformWithLabels(
        (~outside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    nearest = np.zeros(int(label.max()) + 1, np.float32)
    nearest[label[outside]] = dark[outside]
    least = nearest[label]
    return np.where(outside, dark, np.where(clear, np.clip(dark, least, least * 1.4), least))


def _model_background(values: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """The background without subject and shadow, ``(h, w, 3)`` float32, as `estimate_shadow` says."""
    height, width = outside.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    rows = np.flatnonzero(outside)
    rows = rows[:: max(1, len(rows) // 40_000)]
    known, wanted = terms.reshape(-1, 6)[rows].astype(np.float64), values.reshape(-1, 3)[rows].astype(np.float64)
    weight = np.ones(len(rows))
    for step in range(16):
        root = np.sqrt(weight)[:, None]
        factors = np.linalg.lstsq(known * root, wanted * root, rcond=None)[0]
        off = (wanted @ LUMA) / np.maximum(known @ factors @ LUMA, 1) - 1
        # first all pixels, darker ones with little weight; then only those close to the surface
        weight = np.where(off < 0, 0.03, 1.0) if step < 10 else np.exp(-((off / 0.02) ** 2)) + 1e-6
    return np.clip(terms @ factors.astype(np.float32), 1, 255)


def _is_plain(values: np.ndarray, model: np.ndarray, left: np.ndarray, outside: np.ndarray) -> bool:
    """Whether the background differs from `model` only by a smooth shadow that darkens all colours alike."""
    seen = left[outside]
    bright = values @ LUMA
    mean = fill_in(bright[..., None], outside.astype(np.float32))[..., 0]
    detail = np.abs(mean - cv2.GaussianBlur(mean, (0, 0), 2.0))[outside] / np.maximum((model @ LUMA)[outside], 1)
    shadow = outside & (left < 0.93) & (left > 0.2)
    channels = values[shadow] / np.maximum(model[shadow], 1)
    tint = np.percentile(np.ptp(channels, axis=-1), 75) if len(channels) > 0.002 * outside.sum() else 0.0
    return bool(
        np.median((model @ LUMA)[outside]) >= PLAIN.level
        and (seen > 1.05).mean() <= PLAIN.brighter
        and (np.abs(seen - 1) < 0.04).mean() >= PLAIN.lit
        and np.percentile(detail, 95) <= PLAIN.texture
        and tint <= PLAIN.tint
        and (seen < 0.2).mean() <= PLAIN.black
    )
