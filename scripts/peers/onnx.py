"""Networks as ONNX files, by PyTorch's own exporter."""
import warnings

import torch

OPSET = 17


def export_onnx(model, inputs, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, tuple(inputs.values()), path, opset_version=OPSET, input_names=list(inputs),
                          do_constant_folding=True)
