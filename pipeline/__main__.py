"""``python -m pipeline``: before any large import, ``cut`` goes to the resident process, or a helper is forked."""

import gc
import os
import sys

from .base.process import prepare_libraries
from .base.resident import hand_over

gc.set_threshold(100_000)  # imports make no garbage; looking for it takes a twentieth of the start
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's own threads wait by spinning on cores that others need
prepare_libraries()

if __name__ == "__main__":
    try:
        is_cut = sys.argv[1:2] == ["cut"]
        exit_code = hand_over(sys.argv[1:]) if is_cut else None
        if exit_code is None:
            from .inference.helper import Helper, can_fork

            helper = Helper("pipeline.inference.running.ahead") if is_cut and can_fork() else None

            from .commands.command_line import main

            exit_code = main(helper=helper)
    except KeyboardInterrupt:
        exit_code = 130
    sys.stderr.flush()
    os._exit(exit_code)  # everything is written; a regular interpreter shutdown would take a noticeable time
