"""``python -m pipeline.manage.quantiser NETWORK.onnx OUTPUT FOLDER LOST KEPT``: a network in 8-bit integers, by NNCF.

OUTPUT is JSON: a position, or a name. FOLDER holds network inputs, ``calibrate-*.npy`` and ``judge-*.npy``, and ground
truth for the latter, ``truth-*.npy``, bool, of the output's shape; ``made.xml`` and ``made.bin`` are written there.
KEPT, a JSON object, says which layers stay in 32 bits, see `KeptLayers`; so do others where quantising them would lose
more than LOST of IoU. A program of its own, since NNCF takes memory, prints, and would report its use.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from ..inference.running import kept_layers
from ..pixels.measures import measure_iou
from ..registry.kept_layers import KeptLayers

RANKED_BY = 4  # pictures, by which layers are ranked


def main(source: str, output: int | str, folder: Path, lost: float, kept: KeptLayers) -> None:
    """Quantise the network in the file `source` but for the layers `kept`, and write the result into `folder`."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # no telemetry
    import nncf

    core = openvino.Core()
    network = core.read_model(source)
    network = openvino.Model([network.output(output).node], network.get_parameters())
    calibrate, judge = sorted(folder.glob("calibrate-*.npy")), sorted(folder.glob("judge-*.npy"))
    network.reshape(np.load(calibrate[0]).shape)

    def validate(compiled: Any, files: list[Path]) -> tuple[float, list[float]]:
        values = [measure_iou(compiled(np.load(file))[0] > 0.5, np.load(_name_truth(file))) for file in files]
        return float(np.mean(values)), values

    layers = kept_layers.find_layers(network, kept)
    nodes = [node.get_friendly_name() for node in network.get_ops() if kept_layers.name_layer(node) in layers]
    quantised = nncf.quantize_with_accuracy_control(
        network, nncf.Dataset(calibrate, np.load), nncf.Dataset(judge), validate, max_drop=lost,
        preset=nncf.QuantizationPreset.MIXED, subset_size=len(calibrate), ignored_scope=nncf.IgnoredScope(names=nodes),
        advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(ranking_subset_size=RANKED_BY),
    )  # fmt: skip
    made = folder / "made.xml"
    openvino.save_model(quantised, made, compress_to_fp16=False)
    made.write_bytes(kept_layers.mark_nodes(made.read_bytes(), kept_layers.find_nodes(quantised, layers)))


def _name_truth(file: Path) -> Path:
    return file.with_name(file.name.replace("judge", "truth"))


if __name__ == "__main__":
    source, output, folder, lost, kept = sys.argv[1:]
    main(source, json.loads(output), Path(folder), float(lost), KeptLayers(**json.loads(kept)))
