#!/usr/bin/env python3
"""Times paser's networks against PyTorch's, interleaved: every round runs each workload once in PyTorch and once in
paser, in turn, so that both see the same machine. Needs python3-torch and the program benchmarks/network_worker.

    scripts/bench_peers.py build/benchmarks/network_worker [--threads 2] [--rounds 7] [--only W1,W2] [--json out.json]
"""
import argparse
import json
import statistics
import subprocess
import time

import torch
import torch.nn.functional as F
from torch import nn


class DoubleConv(nn.Sequential):
    def __init__(self, cin, cout, middle):
        super().__init__(nn.Conv2d(cin, middle, 3, padding=1), nn.InstanceNorm2d(middle), nn.ReLU(inplace=True),
                         nn.Conv2d(middle, cout, 3, padding=1), nn.InstanceNorm2d(cout), nn.ReLU(inplace=True))


class UNet(nn.Module):
    """The same network as paser's models::UNet in its bilinear form."""

    def __init__(self, cin, classes, width, depth):
        super().__init__()
        self.stem = nn.Conv2d(cin, width // 2, 1)
        self.entry = DoubleConv(width // 2, width, width)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i in range(depth):
            here = width << i
            below = here if i + 1 == depth else 2 * here
            self.down.append(DoubleConv(here, below, below))
        for i in reversed(range(depth)):
            here = width << i
            self.up.append(DoubleConv(2 * here, here // 2 if i else here, here))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        levels = [self.entry(self.stem(x))]
        for i, block in enumerate(self.down):
            x = levels[-1] if i == 0 else F.dropout(levels[-1], 0.5, self.training)
            levels.append(block(F.max_pool2d(x, 2)))
        x = F.dropout(levels.pop(), 0.5, self.training)
        for i, block in enumerate(self.up):
            skip = levels.pop()
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            x = F.pad(x, (0, skip.shape[3] - x.shape[3], 0, skip.shape[2] - x.shape[2]))
            x = block(torch.cat([skip, x], 1))
            if i == 0:
                x = F.dropout(x, 0.5, self.training)
        return self.head(x)


SMALL, MEDIUM, LARGE = (1, 3, 8, 2), (1, 3, 16, 4), (1, 3, 64, 4)
# name: (network, batch, height, width, training step?)
WORKLOADS = {
    "W1": (SMALL, 1, 224, 256, False), "W2": (MEDIUM, 16, 56, 64, False), "W3": (LARGE, 16, 56, 64, False),
    "W3s": (LARGE, 1, 56, 64, False), "W5s": (SMALL, 4, 224, 256, True), "W5m": (MEDIUM, 16, 56, 64, True),
    "W5l": (LARGE, 4, 56, 64, True), "W6s": (SMALL, 128, 32, 32, False), "W6m": (MEDIUM, 128, 32, 32, False),
    "W6l": (LARGE, 128, 32, 32, False), "W6st": (SMALL, 128, 32, 32, True), "W6mt": (MEDIUM, 32, 32, 32, True),
}


def torch_workload(network, batch, height, width, training):
    """A function that runs the workload once."""
    torch.manual_seed(1)
    model = UNet(*network)
    image = torch.rand(batch, network[0], height, width)
    if not training:
        model.eval()

        def run():
            with torch.inference_mode():
                model(image)
        return run
    labels = torch.randint(0, network[1], (batch, height, width))
    adam = torch.optim.Adam(model.parameters(), lr=1e-4)

    def run():
        adam.zero_grad()
        F.cross_entropy(model(image), labels).backward()
        adam.step()
    return run


class PaserWorker:
    def __init__(self, program, threads):
        self.process = subprocess.Popen([program, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, name, network, batch, height, width, training):
        print(name, *network, batch, height, width, int(training), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("the paser worker stopped")
        return float(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worker")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", help="comma-separated workload names")
    parser.add_argument("--json", help="also write the rows to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    names = arguments.only.split(",") if arguments.only else list(WORKLOADS)
    worker = PaserWorker(arguments.worker, arguments.threads)
    print(f"PyTorch {torch.__version__}, {arguments.threads} threads, {arguments.rounds} interleaved rounds; milliseconds")
    print(f"{'workload':9}{'torch min':>11}{'median':>9}{'paser min':>11}{'median':>9}{'ratio of medians':>18}")
    rows = []
    for name in names:
        peer = torch_workload(*WORKLOADS[name])
        times = {"torch": [], "paser": []}
        for round_number in range(arguments.rounds + 2):
            start = time.perf_counter()
            peer()
            torch_ms = 1e3 * (time.perf_counter() - start)
            paser_ms = worker.run(name, *WORKLOADS[name])
            if round_number >= 2:  # the first two warm up
                times["torch"].append(torch_ms)
                times["paser"].append(paser_ms)
        low = {k: min(v) for k, v in times.items()}
        middle = {k: statistics.median(v) for k, v in times.items()}
        ratio = middle["torch"] / middle["paser"]
        print(f"{name:9}{low['torch']:11.2f}{middle['torch']:9.2f}{low['paser']:11.2f}{middle['paser']:9.2f}{ratio:17.2f}x",
              flush=True)
        for peer_name in times:
            rows.append({"workload": name, "threads": arguments.threads, "peer": peer_name, "min_ms": low[peer_name],
                         "median_ms": middle[peer_name], "ratio_to_torch": middle["torch"] / middle[peer_name]})
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"torch": torch.__version__, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
