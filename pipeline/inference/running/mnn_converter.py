"""``python mnn_converter.py NETWORK.onnx NETWORK.mnn OUTPUT``: a network in MNN's format, ending in OUTPUT.

OUTPUT is JSON: a position, or a name. A program of its own, since the converter prints, takes memory, and may end its
process.
"""

import ctypes
import json
import os
import signal
import sys

import _tools  # of the package MNN; its command line would report the conversion to its maker
from MNN import expr, nn

PR_SET_PDEATHSIG = 1  # of <sys/prctl.h>


def end_with_parent() -> None:
    """Have Linux end this process with the one that wants the network: that one may be killed at any time."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:  # it has ended already
            sys.exit(1)


def main(source: str, target: str, output: int | str) -> None:
    """Convert the file `source` to `target`; `output` is a name, or a position in the file."""
    _tools.mnnconvert(
        ["mnnconvert", "-f", "ONNX", "--modelFile", source, "--MNNModel", target, "--bizCode", "clearcut"]
    )
    if isinstance(output, int):
        output = nn.load_module_from_file(target, [], []).get_info()["outputNames"][output]
    expr.save([expr.load_as_dict(target)[output]], target)


if __name__ == "__main__":
    end_with_parent()
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
