"""Speed against accuracy, drawn."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .table import Row


def plot(path: Path, rows: "list[Row]") -> None:
    """A panel a folder: IoU over processor seconds a picture; the upper left is best."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "clearcut"
    from matplotlib import pyplot

    folders = list(dict.fromkeys(row.folder for row in rows))
    across = min(2, len(folders))
    down = -(-len(folders) // across)
    figure, axes = pyplot.subplots(down, across, figsize=(5.5 * across, 3.8 * down), squeeze=False)
    for axis in axes.flat[len(folders) :]:
        axis.set_visible(False)
    for folder, axis in zip(folders, axes.flat, strict=False):
        for row in (row for row in rows if row.folder == folder):
            theirs = row.title.startswith("rembg ")
            place = row.figures["CPU s"], row.figures["IoU"]
            axis.plot(*place, "^" if theirs else "o", color="#b4472e" if theirs else "#2f6b4f")
            axis.annotate(row.title, place, xytext=(4, 4), textcoords="offset points", fontsize=8)
        axis.set(title=folder, xscale="log", xlabel="CPU seconds a picture", ylabel="IoU")
        axis.margins(x=0.25, y=0.15)
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
