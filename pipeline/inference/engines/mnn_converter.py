"""``python mnn_converter.py NETWORK.onnx NETWORK.mnn OUTPUT``: a network in MNN's format, ending in OUTPUT.

OUTPUT is JSON: a position, or a name. A program of its own, since the converter prints, takes memory, and may end its
process.
"""

import json
import sys

import _tools  # of the package MNN; its command line would report the conversion to its maker
from MNN import expr, nn


def main(source: str, target: str, output: int | str) -> None:
    """Convert the file `source` to `target`; `output` is a name, or a position in the file."""
    _tools.mnnconvert(
        ["mnnconvert", "-f", "ONNX", "--modelFile", source, "--MNNModel", target, "--bizCode", "clearcut"]
    )
    if isinstance(output, int):
        output = nn.load_module_from_file(target, [], []).get_info()["outputNames"][output]
    expr.save([expr.load_as_dict(target)[output]], target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
