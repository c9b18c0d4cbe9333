"""Safetensors files, the form in which weights and inputs reach every program."""
import json
import struct

import numpy as np

_NAMES = {"float32": "F32", "int32": "I32"}
_TYPES = {name: np.dtype(kind) for kind, name in _NAMES.items()}


def write(path, tensors):
    header, offset, parts = {}, 0, []
    for name, tensor in tensors.items():
        tensor = np.ascontiguousarray(tensor)
        header[name] = {"dtype": _NAMES[str(tensor.dtype)], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
        parts.append(tensor.tobytes())
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def read(path):
    with open(path, "rb") as file:
        content = file.read()
    length = struct.unpack("<Q", content[:8])[0]
    header, start = json.loads(content[8:8 + length]), 8 + length
    return {name: np.frombuffer(content[start + t["data_offsets"][0]:start + t["data_offsets"][1]],
                                _TYPES[t["dtype"]]).reshape(t["shape"]).copy()
            for name, t in header.items() if name != "__metadata__"}
