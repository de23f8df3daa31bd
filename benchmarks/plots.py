"""Speed against accuracy, drawn."""

from pathlib import Path

from .rows import Row

PEER = "rembg "  # before the name of a model that rembg runs: a triangle


def plot(path: Path, rows: list[Row]) -> None:
    """A panel a folder: IoU over processor seconds a picture; the upper left is best."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "clearcut"
    from matplotlib import pyplot, ticker

    folders = list(dict.fromkeys(row.folder for row in rows))
    models = list(dict.fromkeys(row.title.removeprefix(PEER) for row in rows))
    palette = pyplot.get_cmap("tab20")
    colours = {name: palette(number % 20) for number, name in enumerate(models)}
    across = min(2, len(folders))
    down = -(-len(folders) // across)
    figure, axes = pyplot.subplots(down, across, figsize=(5 * across, 3.6 * down + 1), squeeze=False)
    for axis in axes.flat[len(folders) :]:
        axis.set_visible(False)
    drawn = {}
    for folder, axis in zip(folders, axes.flat, strict=False):
        for row in (row for row in rows if row.folder == folder):
            shape, colour = "^" if row.title.startswith(PEER) else "o", colours[row.title.removeprefix(PEER)]
            [drawn[row.title]] = axis.plot(row.figures["CPU s"], row.figures["IoU"], shape, color=colour, alpha=0.85)
        axis.set(title=folder, xscale="log", xlabel="CPU seconds a picture", ylabel="IoU")
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_locator(ticker.NullLocator())
        axis.grid(alpha=0.3)
    figure.legend(drawn.values(), drawn, loc="lower center", ncols=4, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.08 + 0.02 * len(drawn) / 4 / down, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
