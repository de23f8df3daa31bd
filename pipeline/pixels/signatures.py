"""Files that are pictures and still cannot be read, told by their content: camera RAW, and formats such as PDF or PSD.

Sources: TIFF 6.0; Adobe DNG 1.7 (tags, and ``PhotometricInterpretation`` of raw data); ISO/IEC 14496-12 (``ftyp``).
"""

import re
import struct
from collections.abc import Iterator

Directory = dict[int, tuple[int, ...]]  # of a TIFF: the numbers of each tag
RAW_STARTS = {
    b"FUJIFILMCCD-RAW": "RAF",
    b"IIRO": "ORF",
    b"IIRS": "ORF",
    b"MMOR": "ORF",
    b"IIU\0": "RW2",
    b"FOVb": "X3F",
    b"\0MRM": "MRW",
    b"II\x1a\0\0\0HEAPCCDR": "CRW",
    b"IIII": "IIQ",
    b"MMMM": "IIQ",
}
RAW_NAME = re.compile(
    r"\.(3fr|arw|cap|cr[23w]|dcr|dng|erf|fff|gpr|iiq|k25|kdc|mef|mos|mrw|nef|nrw|orf|pef|raf|rw[2l]|sr[2fw]|x3f)$",
    re.IGNORECASE,
)
TIFF_STARTS = {b"II*\0": "<", b"MM\0*": ">"}
RAW_PHOTOMETRIC = {32803, 34892}  # a colour filter array, and linear raw data
RAW_COMPRESSION = {32767, 32769, 32770, 32772, 34713, 65000, 65535}  # Sony's, packed, Samsung's, Nikon's, Kodak's …
TIFF_WIDTH, TIFF_HEIGHT, SAMPLE_FORMAT, FLOAT = 256, 257, 339, 3
PHOTOMETRIC, COMPRESSION, SUB_DIRECTORIES, DNG_VERSION = 262, 259, 330, 50706
BITS, SAMPLES, ICC_PROFILE = 258, 277, 34675
TIFF_NUMBERS = {1: "uint", 2: "int", FLOAT: "float"}  # by SampleFormat
MOST_DIRECTORIES, MOST_ENTRIES, MOST_NUMBERS = 32, 512, 64
TEXT = 1 << 16  # bytes in which an SVG has begun, whatever is noted before
NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I"}  # types of a tag that hold whole numbers
SIZES = {1: 1, 3: 2, 4: 4, 7: 1}  # bytes of a number, by type
PICTURE_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"miaf", b"avif", b"avis")
VIDEO_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"dash")
STARTS = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "PSD",
    b"\0\0\1\0": "ICO",
    b"%PDF-": "PDF",
    b"%!PS": "PostScript",
    b"gimp xcf": "XCF",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"\x1a\x45\xdf\xa3": "WebM/MKV",
    b"FLV\x01": "FLV",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "WMV",
    b"OggS": "Ogg",
    b"\0\0\x01\xba": "MPEG",
    b"icns": "ICNS",
    b"II\xbc\x01": "JPEG XR",
    b"\xc5\xd0\xd3\xc6": "PostScript",
}
READABLE_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", *TIFF_STARTS)


def name_raw(data: bytes, name: str = "") -> str | None:
    """The name of the camera RAW format of the file `data`, such as ``CR3``; None for any other file.

    Many of them are TIFFs: those count that say so in their header (CR2), in their `name`, that have DNG's version, or
    one of whose directories holds what came from the sensor. The pictures of cameras and scanners that are TIFFs have
    none of these.

    >>> name_raw(b"FUJIFILMCCD-RAW 0201")
    'RAF'
    """
    told = name_raw_ending(name)
    for start, name in RAW_STARTS.items():
        if data.startswith(start):
            return name
    if data[4:12] == b"ftypcrx ":
        return "CR3"
    if data[:4] not in TIFF_STARTS:
        return None
    if data[8:10] == b"CR":
        return "CR2"
    for directory in read_directories(data):
        if DNG_VERSION in directory:
            return "DNG"
        if RAW_PHOTOMETRIC & {*directory.get(PHOTOMETRIC, ())} or RAW_COMPRESSION & {*directory.get(COMPRESSION, ())}:
            return told or "RAW"
    return told


def name_raw_ending(name: str) -> str | None:
    """The format of camera RAW that a file's name tells, if it tells one.

    >>> name_raw_ending("IMG_1.nef"), name_raw_ending("a.jpg")
    ('NEF', None)
    """
    ending = RAW_NAME.search(name)
    return ending[1].upper() if ending else None


def name_unsupported(data: bytes) -> str | None:
    """The name of the format of the file `data` where it is a known one that cannot be read; None for any other.

    >>> name_unsupported(b"%PDF-1.7")
    'PDF'
    """
    if data[4:8] == b"ftyp":
        brands = [data[at : at + 4] for at in (8, *range(16, min(int.from_bytes(data[:4]), 128), 4))]
        if any(brand in PICTURE_BRANDS for brand in brands):
            return None
        return "MOV" if brands[0] == b"qt  " else "MP4" if any(brand in VIDEO_BRANDS for brand in brands) else None
    if data[4:8] in (b"moov", b"mdat", b"wide"):
        return "MOV"
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "AVI"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data[:TEXT].replace(b"\0", b"")[2:]  # UTF-16
    text = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"<":
        return "SVG" if b"<svg" in data[:TEXT] else None
    return next((name for start, name in STARTS.items() if data.startswith(start) or text.startswith(start)), None)


def is_readable(data: bytes) -> bool:
    """Whether `data` begins like a picture of a format that can be read, damaged as it may be."""
    is_heif = data[4:8] == b"ftyp" and data[8:12] in PICTURE_BRANDS
    return is_heif or data.startswith(READABLE_STARTS) or data[:4] + data[8:12] == b"RIFFWEBP"


def describe_tiff(data: bytes) -> str | None:
    """What numbers the TIFF `data` is of, such as ``TIFF, uint32``; None where they are usual, or nothing says it.

    >>> describe_tiff(b"")
    """
    tags = next(read_directories(data), None)
    if not tags or BITS not in tags:
        return None
    kind, bits = tags.get(SAMPLE_FORMAT, (1,))[0], tags[BITS][0]
    is_usual = kind == 1 and bits <= 16
    return None if is_usual else f"TIFF, {TIFF_NUMBERS.get(kind, '')}{bits}"


def read_directories(data: bytes) -> Iterator[Directory]:
    """The directories of the TIFF `data` and those below them, each with those of its tags that are whole numbers.

    What is broken is left out, so that no file makes it fail; of a tag with very many numbers the first count.
    """
    order = TIFF_STARTS.get(data[:4])
    waiting = [_read_number(data, 4, order)] if order else []
    seen: set[int] = set()
    while waiting and order and len(seen) < MOST_DIRECTORIES:
        at = waiting.pop(0)
        if at in seen or not 8 <= at <= len(data) - 6:
            continue
        seen.add(at)
        count = min(int(struct.unpack_from(order + "H", data, at)[0]), MOST_ENTRIES)
        entries = (_read_entry(data, at + 2 + 12 * index, order) for index in range(count))
        directory = dict(entry for entry in entries if entry)
        waiting += directory.get(SUB_DIRECTORIES, ())
        waiting.append(_read_number(data, at + 2 + 12 * count, order))
        yield directory


def _read_number(data: bytes, at: int, order: str) -> int:
    return int(struct.unpack_from(order + "I", data, at)[0]) if at + 4 <= len(data) else 0


def _read_entry(data: bytes, at: int, order: str) -> tuple[int, tuple[int, ...]] | None:
    """A tag and its numbers; None where it holds something else, or points out of the file."""
    if at + 12 > len(data):
        return None
    tag, kind, count = struct.unpack_from(order + "HHI", data, at)
    letter, count = NUMBERS.get(kind), min(count, MOST_NUMBERS)
    if letter is None:
        return None
    length = struct.calcsize(order + letter * count)
    start = at + 8 if length <= 4 else _read_number(data, at + 8, order)
    if start + length > len(data):
        return None
    return tag, struct.unpack_from(order + letter * count, data, start)


def find_value(data: bytes, tag: int) -> slice | None:
    """Where in the TIFF `data` the value of a tag of its first directory lies, which may be of any length."""
    order = TIFF_STARTS[data[:4]]
    first = _read_number(data, 4, order)
    for at in range(first + 2, min(first + 2 + 12 * MOST_ENTRIES, len(data) - 11), 12):
        found, kind, count = struct.unpack_from(order + "HHI", data, at)
        length = count * SIZES.get(kind, 0)
        if found == tag and length:
            start = at + 8 if length <= 4 else _read_number(data, at + 8, order)
            return slice(start, start + length) if start + length <= len(data) else None
    return None
