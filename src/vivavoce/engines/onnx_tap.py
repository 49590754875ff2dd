"""A look into an ONNX model: one of its inner tensors as a further output.

onnxruntime offers no way to ask for one. An ONNX file, though, is a protocol buffer, and a message field that occurs
twice in a buffer is merged (Protocol Buffers, encoding: "last one wins", for messages field by field). So a few bytes
behind the file's end, a second `graph` that holds nothing but an output's name, add that output to the first.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

# onnx.proto: ModelProto.graph, GraphProto.output, ValueInfoProto.name
_GRAPH, _OUTPUT, _NAME = 7, 12, 1
_LONGEST_NAME = 100  # so that every length fits in one byte


@contextmanager
def tapped(model: Path, tensor: str) -> Iterator[Path]:
    """A copy of the file `model` whose last output is the inner tensor of that name; it goes at the end.

    A copy, because a session that is made from bytes in memory keeps them. A model without such a tensor does not load.
    """
    name = tensor.encode()
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"a tensor's name has at most {_LONGEST_NAME} bytes")
    with TemporaryDirectory() as folder:
        copy = Path(folder) / model.name
        with copy.open("wb") as out:
            with model.open("rb") as original:
                shutil.copyfileobj(original, out)
            out.write(_message(_GRAPH, _message(_OUTPUT, _message(_NAME, name))))
        yield copy


def _message(field: int, content: bytes) -> bytes:
    """A length-delimited field (wire type 2) of a protocol buffer."""
    return bytes((field << 3 | 2, len(content))) + content
