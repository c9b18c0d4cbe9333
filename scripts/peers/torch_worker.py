"""PyTorch's side of scripts/bench_peers; the requests are those of benchmarks/network_worker.cpp.

    python3 -m peers.torch_worker THREADS
"""
import copy
import os
import sys
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F

from . import tensors
from .networks import SharedPrefixMcDropout, belief, network
from .workloads import NETWORKS, SAMPLES


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Inference:
    """The fastest of the forms that PyTorch offers: the network as it is, channels last, or traced and optimised, which
    keeps oneDNN's own layouts between convolutions."""

    def __init__(self, model, inputs):
        self.model, self.image = model.eval(), inputs["image"]
        self.fastest = self.model, self.image

    def choose(self):
        last = torch.channels_last
        forms = [(self.model, self.image),
                 (copy.deepcopy(self.model).to(memory_format=last), self.image.contiguous(memory_format=last))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimised = torch.jit.optimize_for_inference(torch.jit.trace(copy.deepcopy(self.model), self.image))
        forms.append((optimised, self.image))
        slow = 0.0
        for model, image in forms:
            model(image)
            slow = max(slow, seconds(lambda: model(image)))
        times = [[] for _ in forms]
        for _ in range(5 if slow < 0.5 else 2):
            for (model, image), t in zip(forms, times):
                t.append(seconds(lambda: model(image)))
        self.fastest = forms[min(range(len(forms)), key=lambda i: min(times[i]))]

    def run(self):
        model, image = self.fastest
        return model(image)

    def check(self):
        return [self.fastest[0](self.fastest[1])]


class AuthorsMcDropout(Inference):
    """As the paper's authors run it: every pass is a whole pass."""

    def __init__(self, model, inputs):
        super().__init__(model, inputs)
        self.model.train()  # dropout on; instance norms have no statistics to disturb
        self.masks = [inputs[name] for name in sorted(inputs) if name.startswith("mask")]

    def choose(self):
        pass

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
        super().run().reshape(16, 3).softmax(1).argmax(1)


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
        model.load_state_dict(state, strict=network_name in NETWORKS)  # counters of batch norms are left out
        return model

    if kind == "training":
        return Training(make, inputs)
    form = {"inference": Inference, "mc_dropout": AuthorsMcDropout, "mc_dropout_shared": SharedMcDropout,
            "policy": PolicyRoutes}[kind]
    workload = form(make(), inputs)
    with torch.inference_mode():
        workload.choose()
    return workload


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
                return str(1e3 * seconds(workload.run))
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
