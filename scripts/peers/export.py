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
from .workloads import NETWORKS, SAMPLES, WORKLOADS, ZOO


def random_network(name):
    """The network as PyTorch initialises it; batch norms have the statistics of a trained one, which are not 0 and 1."""
    torch.manual_seed(51 + list(ZOO).index(name) if name in ZOO else 1 + sorted([*NETWORKS, "policy"]).index(name))
    model = network(name).eval()
    if name in ZOO:  # deep networks of which nothing but norms keeps the values large
        for module in model.modules():
            if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.LayerNorm)):
                module.weight.uniform_(0.8, 1.4)
                module.bias.uniform_(-0.3, 0.3)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return model


def inputs_of(workload, model):
    torch.manual_seed(100 + WORKLOADS.index(workload))
    zoo = workload.network in ZOO
    size = (workload.batch, 3 if zoo else 1, workload.height, workload.width)
    if workload.kind == "policy":
        labels = torch.randint(0, 3, size).float()
        return {"image": torch.cat([labels, 1.0986 * torch.rand(size)], 1)}
    inputs = {"image": torch.rand(size)}
    if workload.kind == "training":
        stride = ZOO[workload.network][1] if zoo else 1
        shape = (workload.batch, workload.height // stride, workload.width // stride)
        inputs["labels"] = torch.randint(0, 3, shape, dtype=torch.int32)
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
