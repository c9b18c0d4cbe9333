"""Writes what the programs share into a folder: weights, inputs, and the inference networks as ONNX files.

    python3 -m peers.export FOLDER WORKLOAD_OR_LAYER...
"""
import os
import sys

import torch

from . import layer_files, tensors
from .layers import LAYERS
from .networks import SharedPrefixMcDropout, network
from .onnx import export_onnx
from .workloads import NETWORKS, SAMPLES, WORKLOADS


def random_network(name):
    """The network as PyTorch initialises it; batch norms have the statistics of a trained one, which are not 0 and 1."""
    torch.manual_seed(1 + sorted([*NETWORKS, "policy"]).index(name))
    model = network(name).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return model


def inputs_of(workload, model):
    torch.manual_seed(100 + WORKLOADS.index(workload))
    size = (workload.batch, 1, workload.height, workload.width)
    if workload.kind == "policy":
        labels = torch.randint(0, 3, size).float()
        return {"image": torch.cat([labels, 1.0986 * torch.rand(size)], 1)}
    inputs = {"image": torch.rand(size)}
    if workload.kind == "training":
        inputs["labels"] = torch.randint(0, 3, (workload.batch, workload.height, workload.width), dtype=torch.int32)
    if workload.kind == "mc_dropout":
        shapes = []
        model.suffix(model.prefix(inputs["image"]), lambda call, x: shapes.append(x.shape) or x)
        for call, shape in enumerate(shapes):
            inputs[f"mask{call}"] = torch.randint(0, 2, (SAMPLES, *shape[1:])).float() * 2
    return inputs


def main(folder, names):
    os.makedirs(folder, exist_ok=True)
    with torch.no_grad():
        for workload in WORKLOADS:
            if workload.name not in names:
                continue
            model = random_network(workload.network)
            inputs = inputs_of(workload, model)
            state = {name: value.numpy() for name, value in model.state_dict().items() if value.dim()}
            tensors.write(os.path.join(folder, f"{workload.network}.safetensors"), state)
            tensors.write(os.path.join(folder, f"{workload.name}.safetensors"),
                          {name: value.numpy() for name, value in inputs.items()})
            if workload.kind != "training":
                exported = SharedPrefixMcDropout(model) if workload.kind == "mc_dropout" else model
                export_onnx(exported, inputs, os.path.join(folder, f"{workload.name}.onnx"))
        for layer in LAYERS:
            if layer.name in names and layer.kind in ("forward", "gemm"):
                layer_files.write(layer, folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
