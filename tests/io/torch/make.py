#!/usr/bin/env python3
"""Writes state.pt and refused.pt as torch.save would, by Python's own pickle and zipfile: classes of the names that
torch has stand for its own. usage: make.py FOLDER"""

import collections
import pickle
import struct
import sys
import types
import zipfile


def module(name, **members):
    made = types.ModuleType(name)
    for key, member in members.items():
        member.__module__, member.__qualname__ = name, key
        setattr(made, key, member)
    sys.modules[name] = made


TYPES = {"FloatStorage": "f", "HalfStorage": "e", "LongStorage": "q", "BFloat16Storage": "H", "DoubleStorage": "d"}
module("torch", **{name: type(name, (), {}) for name in TYPES})
module("torch._utils", _rebuild_tensor_v2=lambda *a: None, _rebuild_parameter=lambda *a: None)
torch, utils = sys.modules["torch"], sys.modules["torch._utils"]


class Storage:
    def __init__(self, kind, values):
        self.kind, self.values = kind, values


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.arguments = (storage, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return utils._rebuild_tensor_v2, self.arguments


class Parameter:
    def __init__(self, data):
        self.data = data

    def __reduce__(self):
        return utils._rebuild_parameter, (self.data, True, collections.OrderedDict())


def save(path, value):
    storages = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, o):
            if not isinstance(o, Storage):
                return None
            if o not in storages:
                storages.append(o)
            return "storage", getattr(torch, o.kind), str(storages.index(o)), "cpu", len(o.values)

    import io

    program = io.BytesIO()
    Pickler(program, 2).dump(value)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        def put(name, content):
            archive.writestr(zipfile.ZipInfo("state/" + name, (1980, 1, 1, 0, 0, 0)), content)

        put("data.pkl", program.getvalue())
        put("byteorder", "little")
        for number, s in enumerate(storages):
            put(f"data/{number}", struct.pack(f"<{len(s.values)}{TYPES[s.kind]}", *s.values))
        put("version", "3\n")


def main(folder):
    ramp = Storage("FloatStorage", [0.5 * i for i in range(12)])
    half = Storage("HalfStorage", [1.5, -2.0])
    brain = Storage("BFloat16Storage", [0x3FC0, 0xC000])  # 1.5, -2
    count = Storage("LongStorage", [70000])
    double = Storage("DoubleStorage", [0.1])
    state = collections.OrderedDict()
    state["whole"] = Tensor(ramp, 0, (3, 4), (4, 1))
    state["turned"] = Tensor(ramp, 0, (4, 3), (1, 4))
    state["part"] = Parameter(Tensor(ramp, 5, (2, 2), (4, 2)))
    state["half"] = Tensor(half, 0, (2,), (1,))
    state["brain"] = Tensor(brain, 0, (2,), (1,))
    state["double"] = Tensor(double, 0, (1,), (1,))
    state["empty"] = Tensor(ramp, 0, (0, 4), (4, 1))
    state["norm.num_batches_tracked"] = Tensor(count, 0, (), ())
    state._metadata = collections.OrderedDict([("", {"version": 1})])
    numbers = [0, 255, 256, 65535, 65536, -1, 2**31, -(2**40), 2**63 - 1, 0.25, None, True, False]
    save(f"{folder}/state.pt", {
        "epoch": 3, "model_state": state, "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], "numbers": numbers,
        "optimizer": {"state": {0: {"exp_avg": Tensor(ramp, 0, (3, 4), (4, 1))}}, "groups": [{"lr": 1e-3, "betas": (0.9, 0.999)}]},
        "name": "Straße"})
    save(f"{folder}/refused.pt", {"model_state": state, "when": collections.Counter([1])})


main(sys.argv[1])
