"""The programs that take part: how each is started, and which version it is."""
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Callable

from .layers import Layer
from .workloads import Workload

BIN = f"build/{os.environ.get('PASER_PRESET', 'release')}/bin"
WORK = "build/peers"
SOURCES = "scripts/peers"


@dataclass(frozen=True)
class Peer:
    name: str
    command: tuple  # without the number of threads, which comes last
    takes: Callable  # which workloads and layers it runs
    missing: str = ""  # why it cannot take part
    kinds: dict = field(default_factory=dict)  # kind of workload -> what this program calls it; others as they are
    from_files: bool = False  # it reads layers from files, channels first

    @property
    def ours(self):
        return self.name.startswith("paser")


def program(name):
    path = os.path.join(BIN, name)
    return (path,), "" if os.path.exists(path) else f"{path} was not built"


def python_module(name):
    found = importlib.util.find_spec(name) is not None
    return (sys.executable, "-m", "peers.torch_worker"), "" if found else f"python3-{name} is not installed"


def node_module(name):
    if shutil.which("node") is None:
        return (), "node is not installed"
    found = os.path.isdir(os.path.join(WORK, "node_modules", name))
    return ("node", os.path.join(SOURCES, "ort_worker.js")), "" if found else f"{name} is not in {WORK}/node_modules"


def is_layer(work):
    return isinstance(work, Layer)


def is_network(work):
    return isinstance(work, Workload)


def ort_takes(work):
    return work.kind in ("inference", "mc_dropout", "policy", "forward", "gemm")


def all_peers():
    """paser first. What is named paser-... is a form of paser and no peer."""
    ort, no_ort = node_module("onnxruntime-node")
    torch, no_torch = python_module("torch")
    if no_torch and not no_ort:
        no_ort = "PyTorch writes the files that it reads, and " + no_torch

    def compiled(name, file, takes, *options):
        command, missing = program(file)
        return Peer(name, (*command, *options), takes, missing)

    return [
        compiled("paser", "network_worker", is_network),
        compiled("paser", "paser_layers", is_layer),
        compiled("paser-direct", "paser_layers", lambda w: is_layer(w) and w.r == 3 and w.groups == 1, "direct"),
        Peer("torch", torch, is_network, no_torch),
        Peer("torch-shared", torch, lambda w: w.kind == "mc_dropout", no_torch,
             kinds={"mc_dropout": "mc_dropout_shared"}),
        Peer("onnxruntime", ort, ort_takes, no_ort, from_files=True),
        compiled("onednn", "onednn_layers", is_layer),
        compiled("libxsmm", "libxsmm_layers", lambda w: is_layer(w) and w.groups == 1 and w.dilation == 1),
        compiled("openblas", "openblas_layers", lambda w: w.kind == "gemm"),
        compiled("eigen", "eigen_layers", lambda w: w.kind == "gemm"),
    ]


def environment(wait):
    """`wait` is how idle OpenMP threads wait: `passive`, `active`, or `default` (they spin for a moment, then sleep)."""
    result = dict(os.environ, PYTHONPATH="scripts", NODE_PATH=os.path.join(os.getcwd(), WORK, "node_modules"))
    result.pop("OMP_WAIT_POLICY", None)
    if wait != "default":
        result["OMP_WAIT_POLICY"] = wait
    return result


def versions():
    found = {}

    def ask(name, *command):
        try:
            text = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.split("\n")
            found[name] = text[0].strip()
        except (OSError, subprocess.SubprocessError):
            pass

    ask("paser", "git", "describe", "--always", "--dirty")
    ask("compiler", "c++", "--version")
    ask("torch", sys.executable, "-c", "import torch; print(torch.__version__)")
    ask("node", "node", "--version")
    ask("onnxruntime", "node", "-p", f"require('./{WORK}/node_modules/onnxruntime-node/package.json').version")
    for name, package in [("onednn", "libdnnl-dev"), ("libxsmm", "libxsmm-dev"), ("openblas", "libopenblas-dev"),
                          ("eigen", "libeigen3-dev")]:
        ask(name, "dpkg-query", "-W", "-f", "${Version}\n", package)
    return found
