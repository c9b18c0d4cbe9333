"""The programs that take part: how each is started, and which version it is."""
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

BIN = "build/release/bin"
WORK = "build/peers"
SOURCES = "scripts/peers"


@dataclass(frozen=True)
class Peer:
    name: str
    command: tuple  # without the number of threads, which comes last
    networks: bool = False
    layers: bool = False
    kinds: dict = field(default_factory=dict)  # kind of workload -> what this program calls it; others as they are
    only: tuple = ()  # kinds of workload it takes; empty: all
    missing: str = ""  # why it cannot take part
    from_files: bool = False  # it reads layers from files, channels first


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


def all_peers():
    """paser first. PyTorch runs MC dropout in two forms, of which the second is a peer of its own."""
    torch, no_torch = python_module("torch")
    ort, no_ort = node_module("onnxruntime-node")
    peers = []
    for name, file, networks in [("paser", "network_worker", True), ("paser", "paser_layers", False),
                                 ("onednn", "onednn_layers", False), ("libxsmm", "libxsmm_layers", False),
                                 ("openblas", "openblas_layers", False), ("eigen", "eigen_layers", False)]:
        command, missing = program(file)
        only = ("gemm",) if name in ("openblas", "eigen") else ()
        peers.append(Peer(name, command, networks=networks, layers=not networks, only=only, missing=missing))
    peers.insert(2, Peer("torch", torch, networks=True, missing=no_torch))
    peers.insert(3, Peer("torch-shared", torch, networks=True, kinds={"mc_dropout": "mc_dropout_shared"},
                         only=("mc_dropout",), missing=no_torch))
    peers.insert(4, Peer("onnxruntime", ort, networks=True, layers=True, from_files=True,
                         only=("inference", "mc_dropout", "policy", "forward", "gemm"), missing=no_ort or (
                             no_torch and "its files are written by PyTorch: " + no_torch)))
    return peers


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
