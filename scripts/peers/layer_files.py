"""Single layers as ONNX files, with the data that benchmarks/peers/layer_worker.hpp gives to the other programs."""
import os

import numpy as np
import torch
from torch import nn

from . import tensors
from .onnx import export_onnx


def data(shape, stream):
    """Numbers in [-1, 1), those of layer_worker::data."""
    with np.errstate(over="ignore"):
        i = np.arange(int(np.prod(shape)), dtype=np.uint64)
        z = np.uint64(stream << 40) + i + np.uint64(0x9E3779B97F4A7C15) * (i + np.uint64(1))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = (z ^ (z >> np.uint64(31))) >> np.uint64(40)
    return (z.astype(np.float32) * np.float32(2.0 ** -23) - np.float32(1)).reshape(shape)


class Product(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x):
        return x @ self.weight


def write(layer, folder):
    """The layer's forward pass as FOLDER/NAME.onnx and its input beside it."""
    if layer.kind == "gemm":
        image = data((layer.n, layer.c), 1)
        model = Product(torch.from_numpy(data((layer.c, layer.k), 2)))
    else:
        image = data((layer.n, layer.h, layer.w, layer.c), 1).transpose(0, 3, 1, 2)
        weight = data((layer.r, layer.r, layer.c // layer.groups, layer.k), 2).transpose(3, 2, 0, 1)
        model = nn.Conv2d(layer.c, layer.k, layer.r, layer.stride, layer.padding, layer.dilation, layer.groups, bias=False)
        model.weight.data = torch.from_numpy(weight.copy())
    inputs = {"image": torch.from_numpy(image.copy())}
    tensors.write(os.path.join(folder, f"{layer.name}.safetensors"), {k: v.numpy() for k, v in inputs.items()})
    export_onnx(model, inputs, os.path.join(folder, f"{layer.name}.onnx"))
