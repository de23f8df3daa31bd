"""``python -m benchmarks FOLDER…``: tables of accuracy; ``--help`` names the others."""

import argparse
import io
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

from PIL import Image

from pipeline import InputFiles, Options, cut_out_file, prepare_process

from . import batch, edges, fidelity, live, marks, memory, serve, speed, table, trimap, video

ROOT = Path(__file__).parent.parent


def main(given: Sequence[str] | None = None) -> None:
    """Choose a benchmark; a folder without one means the table."""
    prepare_process()
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    commands = parser.add_subparsers(required=True)
    steps = commands.add_parser("steps", help="seconds of each step of a cut-out, JPEG bytes to PNG bytes")
    steps.add_argument("photo", nargs="?", type=Path, help="default: an example photo")
    steps.add_argument("--size", default="4000x3000", help="resize the photo first; default 4000x3000")
    steps.add_argument("--model", default="u2netp")
    steps.add_argument("--runs", type=int, default=7)
    steps.set_defaults(run=time_steps)
    start = commands.add_parser("start", help="seconds until the page answers, beside those of `import gradio`")
    start.add_argument("--runs", type=int, default=3)
    start.set_defaults(run=time_start)
    for command in (table, fidelity, marks, trimap, speed, edges, memory, batch, serve, video, live):
        command.add_command(commands)
    arguments = list(sys.argv[1:] if given is None else given)
    if arguments and arguments[0] not in (*commands.choices, "-h", "--help"):
        arguments.insert(0, "table")
    chosen = parser.parse_args(arguments)
    chosen.run(chosen)


def time_steps(given: argparse.Namespace) -> None:
    """Median seconds of each step, with and without the cached prediction."""
    width, _, height = given.size.partition("x")
    data = _jpeg(given.photo, (int(width), int(height)))
    files, options = InputFiles(data), Options(model=given.model)
    cut_out_file(files, options, cache=False)  # loads the network
    rows = {}
    for title, cache in (("network run", False), ("prediction cached", True)):
        if cache:
            cut_out_file(files, options)
        seconds: dict[str, list[float]] = {}
        for _ in range(given.runs):
            start = perf_counter()
            result = cut_out_file(files, options, cache=cache)
            seconds.setdefault("in all", []).append(perf_counter() - start)
            for step, spent in result.cutout.seconds.items():
                seconds.setdefault(step, []).append(spent)
        rows[title] = {step: statistics.median(values) for step, values in seconds.items()}
    print(f"{given.size}, {given.model}, {result.cutout.engine}, median of {given.runs}\n")
    steps = ["decode", "find", "matte", "edges", "colour", "compose", "encode", "in all"]
    print("| | " + " | ".join(steps) + " |\n" + "|---" * (len(steps) + 1) + "|")
    for title, row in rows.items():
        print(f"| {title} | " + " | ".join(f"{row[step]:.3f} s" for step in steps) + " |")


def time_start(given: argparse.Namespace) -> None:
    """Median seconds from the command to the first answered page, beside those of importing gradio."""
    importing = statistics.median(_timed(_import_gradio) for _ in range(given.runs))
    serving = statistics.median(_timed_start() for _ in range(given.runs))
    print(f"import gradio: {importing:.2f} s\nfirst page:    {serving:.2f} s ({serving / importing:.2f} times)")


def _import_gradio() -> None:
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    subprocess.run([sys.executable, "-c", "import gradio"], check=True, env=environment)


def _timed_start() -> float:
    start = perf_counter()
    command = [sys.executable, "webui.py", "--no-open", "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        for line in server.stdout or ():
            if found := re.search(r"http://\S+", line):
                with urlopen(found.group()) as page:
                    page.read()
                return perf_counter() - start
        raise SystemExit("the server did not start")
    finally:
        server.terminate()
        server.wait()


def _timed(work: Callable[[], None]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _jpeg(photo: Path | None, size: tuple[int, int]) -> bytes:
    if photo is None:
        from gradio.media import get_image

        photo = Path(get_image("tower.jpg"))
    buffer = io.BytesIO()
    Image.open(photo).convert("RGB").resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
