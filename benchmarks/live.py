"""``python -m benchmarks live``: frames a second and delay of a live picture, as a page gets them from a server."""

import argparse
import io
import statistics
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter

import httpx
import numpy as np
from PIL import Image

from pipeline.video.reader import Reader

SIZE = (640, 360)  # as the page sends them
QUALITY = 85
FIRST = 10  # frames that are not counted: a worker starts, and loads the network


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``live``."""
    live = commands.add_parser("live", help="frames a second and delay of a live picture, from a server that runs")
    live.add_argument("clip", type=Path, help="what a camera might see")
    live.add_argument("--address", default="http://localhost:7860", help="default %(default)s")
    live.add_argument("--frames", type=int, default=200, help="default %(default)s")
    live.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Send the frames one after another, each once the matte of the one before is there."""
    frames = [_encode(frame.load().rgb) for frame in islice(Reader(given.clip).read(), given.frames)]
    with httpx.Client(base_url=given.address, timeout=60) as client:
        begun = client.post("/api/live").raise_for_status().json()
        delays, model = [], begun["model"]
        for number, frame in enumerate(islice(cycle(frames), FIRST + given.frames)):
            if number == FIRST:
                start = perf_counter()
            sent = perf_counter()
            answer = client.post(f"/api/live/{begun['id']}/frames", content=frame).raise_for_status()
            delays.append(1000 * (perf_counter() - sent))
            model = answer.headers["X-Live-Model"]
        seconds = perf_counter() - start
        client.delete(f"/api/live/{begun['id']}")
    delays = sorted(delays[FIRST:])
    late = delays[int(0.95 * len(delays))]
    print(f"{model}, {SIZE[0]} × {SIZE[1]}: {given.frames / seconds:.1f} frames a second, ", end="")
    print(f"{statistics.median(delays):.0f} ms each, 19 of 20 within {late:.0f} ms")


def _encode(rgb: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).resize(SIZE, Image.Resampling.BILINEAR).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
