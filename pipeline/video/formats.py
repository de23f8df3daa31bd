"""The files that clips are written as, and what each can hold."""

from typing import NamedTuple

from ..base.errors import ClearcutError
from ..options.options import Options

AAC, OPUS = "aac", "libopus"
PRORES_QUANTISER = 3  # of 1 to 224: with it grainy pictures are as large as the profile has them
LAMBDA = 118  # units of FFmpeg's quality in a step of a quantiser
GOP = 48  # frames of a segment, which begins with a whole picture: a player can jump there, and a killed run goes on


class VideoFormat(NamedTuple):
    """One kind of file.

    Attributes
    ----------
    name, extension
        The value of ``--format``, and ``.ext``.
    container
        FFmpeg's name of its container; empty for single pictures.
    codec, pixels, opaque_pixels
        FFmpeg's names of its codec, and of its pixels with and without alpha.
    still
        The format of still pictures that holds as much: with alpha, without, or the matte alone.
    sounds, sound_codec
        Codecs of sound that it takes as they are, and that into which others are converted; none without sound.
    is_animation
        Whether its codec needs all frames at once, so that segments are kept without loss until the end.
    mark
        What its files have after the clip's name.
    """

    name: str
    extension: str
    container: str
    codec: str = ""
    pixels: str = ""
    opaque_pixels: str = ""
    still: str = "png"
    sounds: tuple[str, ...] = ()
    sound_codec: str = ""
    is_animation: bool = False
    mark: str = "_cutout"

    @property
    def is_files(self) -> bool:
        """Whether it is a picture a frame."""
        return not self.container

    @property
    def ending(self) -> str:
        """What comes after the clip's name: ``_cutout.webm``."""
        return self.mark + self.extension


PLAIN = ("pcm_s16le", "pcm_s24le")
FORMATS = {
    each.name: each
    for each in (
        VideoFormat("webm", ".webm", "webm", "libvpx-vp9", "yuva420p", "yuv420p", "png", ("opus", "vorbis"), OPUS),
        VideoFormat(
            "mov", ".mov", "mov", "prores_ks", "yuva444p10le", "yuv444p10le", "png", ("aac", "mp3", "alac", *PLAIN), AAC
        ),
        VideoFormat("mp4", ".mp4", "mp4", "libx264", "", "yuv420p", "jpeg", ("aac", "mp3", "alac", "ac3", "eac3"), AAC),
        VideoFormat("gif", ".gif", "gif", "gif", "pal8", "pal8", is_animation=True),
        VideoFormat("webp", ".webp", "webp", "libwebp_anim", "bgra", "bgra", is_animation=True),
        VideoFormat("apng", ".apng", "apng", "apng", "rgba", "rgb24", is_animation=True),
        VideoFormat("png", "", ""),
        VideoFormat("matte", ".mp4", "mp4", "libx264", "", "yuv420p", "matte", mark="_mask"),
    )
}
ENDINGS = {
    ".webm": "webm",
    ".mov": "mov",
    ".mp4": "mp4",
    ".gif": "gif",
    ".webp": "webp",
    ".apng": "apng",
    ".zip": "png",
}


def list_video_formats() -> tuple[str, ...]:
    """The names of all formats."""
    return tuple(FORMATS)


def find_video_format(name: str | None, extension: str, options: Options) -> VideoFormat:
    """The format called `name`; without it that of an `extension`, else WebM, or MP4 where a background is asked for.

    Raises
    ------
    ClearcutError
        ``bad_option`` for an unknown name, ``unknown_extension``, ``format_clash``.
    """
    told = ENDINGS.get(extension.lower()) if extension else None
    if extension and told is None:
        raise ClearcutError("unknown_extension", name=extension, known=", ".join(ENDINGS))
    if name is None:
        return FORMATS[told or ("webm" if options.background == "transparent" else "mp4")]
    if name not in FORMATS:
        raise ClearcutError("bad_option", name="format", value=name[:100], accepted=", ".join(FORMATS))
    found = FORMATS[name]
    if told and told != name and found.extension != extension.lower():
        raise ClearcutError("format_clash", name=extension, format=name, extension=found.extension or ".zip")
    return found


def choose_codec_options(format: VideoFormat, quality: int) -> dict[str, str]:
    """What the codec is told; `quality` as for still pictures, 90 being as good as anybody sees."""
    worse = 90 - quality
    match format.codec:
        case "libx264":  # without B-frames, so that segments join without a gap in the order of decoding
            crf = (14 if format.still == "matte" else 18) + round(0.3 * worse)
            return {"crf": str(max(crf, 1)), "preset": "faster", "g": str(GOP), "bf": "0", "rc-lookahead": "10"}
        case "libvpx-vp9":  # alpha forbids frames that are not shown, and so there is nothing to look ahead for
            # `realtime` is as good at the same size for a quarter of the processor's time
            speed = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "auto-alt-ref": "0", "lag-in-frames": "0"}
            return {"crf": str(max(22 + round(0.4 * worse), 1)), "b:v": "0", "g": str(GOP), **speed}
        case "prores_ks":  # one quantiser for all slices: to search for each one's takes seven times as long
            fixed = {"flags": "+qscale", "global_quality": str(PRORES_QUANTISER * LAMBDA)}
            return {"profile": "4444", "vendor": "apl0", **fixed}
        case "libwebp_anim":
            return {"quality": str(quality), "lossless": "0"}
        case _:
            return {}
