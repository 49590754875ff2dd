"""How the small ONNX models are loaded."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from vivavoce.ports import EngineError


def load(model: Path, what: str, threads: int = 1, keep: bool = True) -> onnxruntime.InferenceSession:
    """A session on the file `model`, which is the `what` model. Raises `EngineError` (`engine_unavailable`).

    Calls that are far too short to share among threads get one; where there are more, they sleep between calls: a
    spinning one takes a core from speech recognition. `keep`: a call's memory is kept for the next one; worth it where
    calls are many and of one size.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = keep
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a missing, truncated or foreign file: each raises a class of its own
        message = f"The {what} model {model} cannot be loaded. Run `vivavoce models pull` to get it."
        raise EngineError("engine_unavailable", message) from error
