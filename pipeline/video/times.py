"""Times and rates of clips, as people write them."""

import re
from fractions import Fraction

from ..base.errors import ClearcutError

NOT_OF_CLIPS = ("format", "sheet", "max_kb", "keep_exif")  # options of single pictures


def parse_time(name: str, text: str) -> float:
    """Seconds, of ``3.5``, ``1:02`` or ``1:02:03.5``. Raises ``bad_option``, about `name`.

    >>> parse_time("from", "1:02.5")
    62.5
    """
    if not re.fullmatch(r"(\d{1,9}:){0,2}\d{1,9}(\.\d+)?", text, re.ASCII):
        raise ClearcutError("bad_option", name=name, value=text[:100], accepted="3.5, 1:02, 1:02:03.5")
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def parse_rate(text: str) -> Fraction:
    """Frames a second, of ``25``, ``29.97`` or ``30000/1001``. Raises ``bad_option``.

    >>> parse_rate("29.97")
    Fraction(2997, 100)
    """
    try:
        rate = Fraction(text).limit_denominator(1001)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise ClearcutError("bad_option", name="fps", value=text[:100], accepted="25, 29.97, 30000/1001")
    return rate
