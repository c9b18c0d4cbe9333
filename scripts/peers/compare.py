"""Runs paser and its peers in turn; see --help."""
import argparse
import contextlib
import datetime
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time

try:
    import numpy as np
except ImportError:
    sys.exit("bench_peers needs numpy (Debian: python3-numpy)")

from . import report, roofline
from .checks import disagreement
from .layers import LAYERS
from .peers import BIN, WORK, all_peers, environment, is_layer, is_network, versions
from .worker import Worker, WorkerError
from .workloads import WORKLOADS, ZOO

DATA = os.path.join(WORK, "data")
TURN_MS, MOST_RUNS = 20.0, 20  # a peer's turn: as many runs in a row as fit, so that short ones are not timed from sleep


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench_peers", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Times paser and its peers in turn on the same weights and inputs, and checks that they agree.\n"
                    "Exit status: 0, or 1 when a peer's numbers differ from paser's, 2 for a usage error.")
    parser.add_argument("--only", help="workloads by name, comma-separated; `networks`, `layers` and beginnings of "
                                       "layer names (forward, weight_gradient_16x56) are understood too")
    parser.add_argument("--threads", help="numbers of threads, comma-separated (default 1,2)")
    parser.add_argument("--rounds", type=int, help="rounds after the warm-up (default 15)")
    parser.add_argument("--peers", help="peers by name, comma-separated; paser always takes part")
    parser.add_argument("--quick", action="store_true", help="3 rounds, 2 threads, networks alone, unless said otherwise")
    parser.add_argument("--wait", choices=["default", "passive", "active"], default="default",
                        help="how idle OpenMP threads wait, the same for all peers (default: libgomp's, which spins "
                             "for a moment and then sleeps; passive suits a busy machine)")
    parser.add_argument("--pause", type=float, default=10, help="milliseconds of rest before each turn (default 10)")
    parser.add_argument("--output", default="bench.json", help="file of all figures (default bench.json)")
    parser.add_argument("--roofline", metavar="FILE", help="plot; default: the output's name with .svg")
    parser.add_argument("--markdown", metavar="FILE", help="also write the tables in Markdown")
    parser.add_argument("--no-install", action="store_true", help="install nothing")
    options = parser.parse_args()
    if options.quick:
        options.only = options.only or "networks"
    options.rounds = options.rounds or (3 if options.quick else 15)
    options.threads = options.threads or ("2" if options.quick else "1,2")
    try:
        options.threads = [int(t) for t in options.threads.split(",")]
    except ValueError:
        parser.error(f"--threads: expected numbers like 1,2, got '{options.threads}'")
    options.roofline = options.roofline or os.path.splitext(options.output)[0] + ".svg"
    options.selected = selected(parser, options.only)
    options.peers = options.peers.split(",") if options.peers else []
    known = list(dict.fromkeys(peer.name for peer in all_peers()))
    for name in options.peers:
        if name not in known:
            parser.error(f"--peers: there is no peer '{name}'; known: {', '.join(known)}")
    return options


def selected(parser, only):
    everything = [*WORKLOADS, *LAYERS]
    if not only:
        return everything
    chosen = []
    for word in only.split(","):
        found = (WORKLOADS if word == "networks" else LAYERS if word == "layers" else
                 [w for w in WORKLOADS if w.name == word] or [l for l in LAYERS if l.name.startswith(word)])
        if not found:
            parser.error(f"--only: there is no workload '{word}'; known: networks, layers, "
                         + ", ".join(w.name for w in WORKLOADS) + ", and layers such as " + LAYERS[0].name)
        chosen += [w for w in found if w not in chosen]
    return chosen


class Comparison:
    def __init__(self, options):
        self.options, self.rows, self.skipped, self.disagreements = options, [], {}, []
        wanted = options.peers
        self.peers = []
        for peer in all_peers():
            if wanted and peer.name not in wanted and not peer.ours:
                continue
            if peer.missing:
                self.skip(peer.name, peer.missing)
            else:
                self.peers.append(peer)

    def skip(self, name, why):
        if name not in self.skipped:
            print(f"{name} does not take part: {why}", flush=True)
        self.skipped[name] = why

    def run(self, threads):
        with contextlib.ExitStack() as stack:
            workers = []
            for peer in self.peers:
                worker = Worker(peer.name, [*peer.command, str(threads)], environment(self.options.wait))
                stack.callback(worker.close)
                workers.append((peer, worker))
            print(f"\n{threads} thread{'s' * (threads > 1)}; milliseconds, minimum of {self.options.rounds} rounds",
                  flush=True)
            for number, workload in enumerate(self.options.selected):
                self.compare(workload, workers, threads)
                print(report.progress_line(workload, number + 1, len(self.options.selected),
                                           [r for r in self.rows if r["workload"] == workload.name
                                            and r["threads"] == threads]), flush=True)

    def compare(self, workload, workers, threads):
        live = []
        for peer, worker in workers:
            if not peer.takes(workload):
                continue
            try:
                if is_layer(workload) and not peer.from_files:
                    worker.ask("load", workload.name, *workload.request)
                else:
                    network = "layer" if is_layer(workload) else workload.network
                    worker.ask("load", workload.name, network, peer.kinds.get(workload.kind, workload.kind), DATA)
                live.append(worker)
            except WorkerError as error:
                if peer.ours or is_network(workload):
                    raise
                self.skipped.setdefault(f"{peer.name}, some layers", str(error))
        self.check(workload, live, threads)
        times = self.measure(workload, live)
        for worker in live:
            worker.ask("drop", workload.name)
        theirs = [times[peer.name] for peer, worker in workers if worker in live and not peer.ours]
        best = min((min(t) for t in theirs), default=None)
        best_median = min((statistics.median(t) for t in theirs), default=None)
        for name, t in times.items():
            low, middle = min(t), statistics.median(t)
            self.rows.append({
                "workload": workload.name, "threads": threads, "peer": name, "min_ms": round(low, 4),
                "median_ms": round(middle, 4), "gflops": round(1e3 * workload.gflop / low, 2),
                "ratio_to_best_peer": best and round(best / low, 3),
                "ratio_of_medians": best_median and round(best_median / middle, 3), "runs": len(t)})

    def check(self, workload, live, threads):
        """Compares every peer's result with paser's."""
        results = {}
        channels_first = [peer.name for peer in self.peers if peer.from_files]
        for worker in live:
            path = os.path.abspath(os.path.join(WORK, f"result_{worker.peer}.f32"))
            worker.ask("check", workload.name, path)
            results[worker.peer] = np.fromfile(path, np.float32).astype(np.float64)
            os.remove(path)
            if worker.peer in channels_first and workload.kind == "forward":
                maps = results[worker.peer].reshape(workload.n, workload.k, -1)
                results[worker.peer] = maps.transpose(0, 2, 1).ravel()
        ours = results["paser"]
        for name, theirs in results.items():
            problem = disagreement(workload.kind, ours, theirs, is_network(workload) and workload.network in ZOO)
            if problem:
                self.disagreements.append(f"{workload.name}, {threads} threads: {name} disagrees with paser: {problem}")
                print(self.disagreements[-1], flush=True)

    def measure(self, workload, live):
        """Every round gives each program one turn, while the others stand still; who begins changes from round to
        round."""
        times = {worker.peer: [] for worker in live}
        runs = {}
        for worker in live:  # the first run of all warms up
            worker.milliseconds(workload.name)
            once = worker.milliseconds(workload.name)
            runs[worker.peer] = max(1, min(MOST_RUNS, int(TURN_MS / max(once, 1e-3))))
        for worker in live:
            worker.halt()
        for round_number in range(self.options.rounds):
            shift = round_number % len(live)
            for worker in live[shift:] + live[:shift]:
                time.sleep(1e-3 * self.options.pause)
                worker.wake()
                times[worker.peer] += [worker.milliseconds(workload.name) for _ in range(runs[worker.peer])]
                worker.halt()
        for worker in live:
            worker.wake()
        return times


def machine(threads):
    def cpu():
        with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
        return platform.processor()

    return {"cpu": cpu(), "cores": os.cpu_count(), "system": platform.platform(),
            "ceilings": {str(t): ceilings(t) for t in threads}}


def ceilings(threads):
    text = subprocess.run([os.path.join(BIN, "machine"), str(threads)], capture_output=True, text=True, check=True).stdout
    return json.loads(text)


def higher(a, b):
    """The larger of two figures, in all of their tables: whatever else runs can only lower a ceiling."""
    return {k: higher(a[k], b[k]) for k in a} if isinstance(a, dict) else max(a, b)


def main():
    options = arguments()
    comparison = Comparison(options)
    export = subprocess.run([sys.executable, "-m", "peers.export", DATA, *(w.name for w in options.selected)],
                            env=environment("passive"), check=False)
    if export.returncode:
        print("Weights and inputs are made by PyTorch, and that failed: the networks are left out")
        options.selected = [w for w in options.selected if w in LAYERS]
    if not options.selected:
        return 2
    result = {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
              "command": shlex.join(["scripts/bench_peers", *sys.argv[1:]]), "versions": versions(),
              "machine": machine(options.threads)}
    for threads in options.threads:
        comparison.run(threads)
        before = result["machine"]["ceilings"][str(threads)]
        result["machine"]["ceilings"][str(threads)] = higher(before, ceilings(threads))
    result.update(skipped=comparison.skipped, disagreements=comparison.disagreements, rows=comparison.rows)
    with open(options.output, "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    print("\n" + report.tables(result, options.selected))
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(report.tables(result, options.selected, markdown=True) + "\n")
    with open(options.roofline, "w") as file:
        file.write(roofline.svg(result, options.selected))
    print(f"written: {options.output}, {options.roofline}" + (f", {options.markdown}" if options.markdown else ""))
    return 1 if comparison.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
