"""onnxruntime as it is fastest on one row: one thread, no copy, no zipmap. Shared by the peers that use it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def session(file: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """A function from rows to probabilities."""
    onnxruntime = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    run = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"]).run

    def probabilities(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = run(["probabilities"], {"rows": rows})[0]
        return found

    return probabilities
