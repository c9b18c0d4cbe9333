"""PyTorch's side of scripts/bench_peers; the requests are those of benchmarks/network_worker.cpp.

    python3 -m peers.torch_worker THREADS
"""
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from . import tensors
from .networks import SharedPrefixMcDropout, belief, network
from .workloads import SAMPLES


class Inference:
    """The network as it is, and traced and frozen, which lets PyTorch fuse and keep oneDNN's own layouts; what is timed
    is the faster of the two."""

    def __init__(self, model, inputs):
        self.model, self.image = model.eval(), inputs["image"]

    def run(self):
        self.model(self.image)

    def check(self):
        return [self.model(self.image)]


class AuthorsMcDropout(Inference):
    """As the paper's authors run it: every pass is a whole pass."""

    def __init__(self, model, inputs):
        super().__init__(model, inputs)
        self.model.train()  # dropout on; instance norms have no statistics to disturb
        self.masks = [inputs[name] for name in sorted(inputs) if name.startswith("mask")]

    def run(self):
        belief(torch.cat([self.model(self.image) for _ in range(SAMPLES)]))

    def check(self):
        def one_pass(i):
            return self.model.suffix(self.model.prefix(self.image), lambda call, x: x * self.masks[call][i:i + 1])
        return belief(torch.cat([one_pass(i) for i in range(SAMPLES)]))


class SharedMcDropout(AuthorsMcDropout):
    """The deterministic part once, the passes as a batch."""

    def run(self):
        levels = self.model.prefix(self.image)
        batch = [x.expand(SAMPLES, -1, -1, -1) for x in levels]
        belief(self.model.suffix(batch, lambda call, x: F.dropout(x, 0.5, True)))

    def check(self):
        return SharedPrefixMcDropout(self.model)(self.image, *self.masks)


class PolicyRoutes(Inference):
    def run(self):
        self.model(self.image).reshape(16, 3).softmax(1).argmax(1)


class Training:
    def __init__(self, make, inputs):
        self.make, self.image, self.labels = make, inputs["image"], inputs["labels"].long()
        self.model, self.adam = self.trainer(0.5)

    def trainer(self, dropout):
        model = self.make(dropout).train()
        return model, torch.optim.Adam(model.parameters(), lr=1e-4)

    def step(self, model, adam):
        adam.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(self.image), self.labels)
        loss.backward()
        adam.step()
        return loss.detach()

    def run(self):
        self.step(self.model, self.adam)

    def check(self):
        model, adam = self.trainer(0.0)
        return [torch.stack([self.step(model, adam) for _ in range(3)])]


def load(name, network_name, kind, folder):
    state = {k: torch.from_numpy(v) for k, v in tensors.read(os.path.join(folder, f"{network_name}.safetensors")).items()}
    inputs = {k: torch.from_numpy(v) for k, v in tensors.read(os.path.join(folder, f"{name}.safetensors")).items()}

    def make(dropout=0.5):
        model = network(network_name, dropout)
        model.load_state_dict(state, strict=network_name != "policy")
        return model

    if kind == "training":
        return Training(make, inputs)
    form = {"inference": Inference, "mc_dropout": AuthorsMcDropout, "mc_dropout_shared": SharedMcDropout,
            "policy": PolicyRoutes}[kind]
    return form(make(), inputs)


def answer(line, workloads):
    what, name, *rest = line.split()
    if what == "load":
        workloads[name] = load(name, *rest)
    elif what == "drop":
        del workloads[name]
    else:
        workload = workloads[name]
        with torch.inference_mode(not isinstance(workload, Training)):
            if what == "run":
                start = time.perf_counter()
                workload.run()
                return str(1e3 * (time.perf_counter() - start))
            np.concatenate([x.detach().numpy().ravel() for x in workload.check()]).tofile(rest[0])
    return "ok"


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.set_flush_denormal(True)
    workloads = {}
    for line in sys.stdin:
        try:
            text = answer(line, workloads)
        except Exception as error:  # the driver decides what a failure means
            text = "error " + " ".join(str(error).split())
        print(text, flush=True)


if __name__ == "__main__":
    main()
