"""Files that end too early: how much of their picture is there, and its pixels where nearly all of it is.

Rows that are missing are those of the last whole row, again. The limit is `MOST_MISSING`.
"""

import io
import re
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

MOST_MISSING = 0.05  # of the rows: more would be seen
END = b"\xff\xd9"
NOISE = bytes(1 + number % 253 for number in range(0, 7 * 512, 7))  # scan data that no picture has, never 0xFF
FULL_SPECTRUM = set(range(64))
SCAN, RESTART = 0xDA, 0xD0  # markers
LEAST_ZEROS = 1024  # bytes
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG colour type
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
REPEAT = b"\2"  # PNG's filter "Up": with zeros it is the row above once more


def has_no_end(data: bytes) -> bool:
    """Whether the file `data` lacks its end, or has zeros there, which libraries may read without a word."""
    if data.startswith(b"\xff\xd8"):
        return not data.endswith(END) and data.find(END, _find_scan(data)) < 0
    if data.startswith(SIGNATURE):
        return not data.endswith(PNG_END) and _lacks_last_chunk(data)
    return _is_packed(data) and ends_in_zeros(data)


def ends_in_zeros(data: bytes) -> bool:
    """Whether more of a file is zeros at its end than may be missing, as a copy that was interrupted leaves it."""
    return len(data) - len(data.rstrip(b"\0")) > max(LEAST_ZEROS, MOST_MISSING * len(data))


def _is_packed(data: bytes) -> bool:
    """Whether `data` is of a format that never ends in many zeros: GIF, WebP, HEIF or AVIF."""
    return data.startswith(b"GIF8") or data[:4] + data[8:12] == b"RIFFWEBP" or data[4:8] == b"ftyp"


def _find_scan(data: bytes) -> int:
    """Where the first scan of a JPEG begins, behind all thumbnails."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != SCAN:
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4])
    return at


def _lacks_last_chunk(data: bytes) -> bool:
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return False
        at += 12 + int.from_bytes(data[at : at + 4])
    return True


class _Header(NamedTuple):
    """Of a PNG."""

    width: int
    height: int
    depth: int
    channels: int
    interlaced: bool


def complete(data: bytes) -> Image.Image | None:
    """The picture in `data`, a JPEG or PNG that ends too early; None where more than `MOST_MISSING` of it is missing.

    The picture is loaded, and carries what the file says of it (mode, profile, EXIF).
    """
    data = data.rstrip(b"\0") if ends_in_zeros(data) else data
    if data.startswith(b"\xff\xd8"):
        return _complete_jpeg(data)
    return _complete_png(data) if data.startswith(SIGNATURE) else None


def _complete_jpeg(data: bytes) -> Image.Image | None:
    """Decode twice, with two ends: pixels that differ come from the end, not from the file."""
    if not _has_all_scans(data):
        return None
    image, other = (_load(data.rstrip(b"\xff") + end) for end in (END, NOISE + _mark_restart(data) + NOISE + END))
    pixels = np.asarray(image)
    differs = np.flatnonzero((pixels != np.asarray(other)).reshape(len(pixels), -1).any(axis=1))
    whole = int(differs[0]) if len(differs) else len(pixels)
    if len(pixels) - whole > MOST_MISSING * len(pixels):
        return None
    if whole < len(pixels):
        row = image.crop((0, whole - 1, image.width, whole))
        image.paste(row.resize((image.width, len(pixels) - whole), Image.Resampling.NEAREST), (0, whole))
    return image


def _mark_restart(data: bytes) -> bytes:
    """The marker that a JPEG would go on with, before which a decoder takes no noise; nothing where it has none."""
    marks = re.findall(b"\xff([\xd0-\xd7])", data[_find_scan(data) :])
    return bytes((0xFF, RESTART + (marks[-1][0] - RESTART + 1) % 8)) if marks else b""


def _has_all_scans(data: bytes) -> bool:
    """Whether the last scan of each part of a JPEG's picture has begun, to the last bit of every coefficient.

    Source: ITU-T T.81, sections B.2.3 and G.1.1.1 (a progressive picture comes as many scans).
    """
    at, components, seen = 2, set[int](), dict[int, set[int]]()
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in (0, 1, 0xFF, *range(0xD0, 0xD9)):
            at = data.find(b"\xff", at + 1)  # inside a scan
            if at < 0:
                break
            continue
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4])
        body = data[at + 4 : end]
        if marker in (0xC0, 0xC1, 0xC2) and len(body) >= 6:
            components = set(body[6::3])
        elif marker == SCAN and len(body) >= 4:
            first, last, low = body[-3], body[-2], body[-1] & 15
            for component in body[1:-3:2]:
                seen.setdefault(component, set()).update(range(first, last + 1) if low == 0 else ())
        at = max(end, at + 2)
    return bool(components) and all(seen.get(component, set()) >= FULL_SPECTRUM for component in components)


def _complete_png(data: bytes) -> Image.Image | None:
    """Inflate what is there, add rows that repeat the last one, and read it as a whole file."""
    header, before, packed = _split_png(data)
    if header is None:
        return None
    inflate = zlib.decompressobj()
    bits = header.depth * header.channels
    stride = 1 + (header.width * bits + 7) // 8
    wanted = _count_bytes(header, bits)
    try:
        rows = inflate.decompress(packed, wanted)
    except zlib.error:
        return None
    missing = wanted - len(rows)
    if header.interlaced:
        if missing:
            return None
    elif missing:
        whole = len(rows) // stride
        if not whole or header.height - whole > MOST_MISSING * header.height:
            return None
        rows = rows[: whole * stride] + (REPEAT + bytes(stride - 1)) * (header.height - whole)
    body = zlib.compress(rows, 1)
    end = struct.pack(">I", len(body)) + b"IDAT" + body
    end += struct.pack(">I", zlib.crc32(body, zlib.crc32(b"IDAT"))) + PNG_END
    return _load(SIGNATURE + before + end)


def _split_png(data: bytes) -> tuple[_Header | None, bytes, bytes]:
    """A PNG's header, the chunks before its pixels, and its packed pixels as far as they go."""
    header, before, packed, at = None, [], [], len(SIGNATURE)
    while at + 8 <= len(data):
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if name == b"IDAT":
            told = data[at + 8 + length : at + 12 + length]
            if len(told) == 4 and int.from_bytes(told) != zlib.crc32(body, zlib.crc32(name)):
                break  # not cut off but damaged, with what follows
            packed.append(body)
        elif packed:
            break
        elif name != b"acTL":
            before.append(data[at : at + 12 + length])
        if name == b"IHDR" and len(body) == 13:
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
            header = _Header(width, height, depth, CHANNELS.get(colour, 4), bool(interlaced))
        at += 12 + length
    return header, b"".join(before), b"".join(packed)


def _count_bytes(header: _Header, bits: int) -> int:
    """Bytes of a PNG's filtered rows; with Adam7 those of its seven passes. Source: PNG, third edition, section 8.2."""
    passes = ADAM7 if header.interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(header.width - left) // across), -(-(header.height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _load(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
    image.load()
    return image
