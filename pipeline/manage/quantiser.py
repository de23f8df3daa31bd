"""``python -m pipeline.manage.quantiser NETWORK.onnx OUTPUT FOLDER LOST``: a network in 8-bit integers, by NNCF.

OUTPUT is JSON: a position, or a name. FOLDER holds what the network is to be fed with, ``calibrate-*.npy`` and
``judge-*.npy``, the latter with ``truth-*.npy`` of its output's shape, bool; ``made.xml`` and ``made.bin`` come there.
Layers stay as they are where their integers would cost more than LOST of IoU. A program of its own: NNCF loads much,
prints, and would report its use.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from ..pixels.measures import measure_iou

RANKED_BY = 4  # pictures


def main(given: str, output: int | str, folder: Path, lost: float) -> None:
    """Quantise, and write what comes of it."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # nobody is to be told
    import nncf

    core = openvino.Core()
    network = core.read_model(given)
    network = openvino.Model([network.output(output).node], network.get_parameters())
    calibrate, judge = sorted(folder.glob("calibrate-*.npy")), sorted(folder.glob("judge-*.npy"))
    network.reshape(np.load(calibrate[0]).shape)

    def iou(compiled: Any, files: list[Path]) -> tuple[float, list[float]]:
        found = [measure_iou(compiled(np.load(file))[0] > 0.5, np.load(_name_truth(file))) for file in files]
        return float(np.mean(found)), found

    made = nncf.quantize_with_accuracy_control(
        network, nncf.Dataset(calibrate, np.load), nncf.Dataset(judge), iou, max_drop=lost,
        preset=nncf.QuantizationPreset.MIXED, subset_size=len(calibrate),
        advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(ranking_subset_size=RANKED_BY),
    )  # fmt: skip
    openvino.save_model(made, folder / "made.xml", compress_to_fp16=False)


def _name_truth(file: Path) -> Path:
    return file.with_name(file.name.replace("judge", "truth"))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
