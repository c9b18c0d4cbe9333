"""The layer list K: every distinct convolution of the small network on one image and of the large one on 16 patches,
forward and both gradients, and some layers of other kinds of network."""
from dataclasses import dataclass

from .workloads import NETWORKS, unet_convolutions

# Goals of direct convolution (must, stretch): against oneDNN's, and, forward on 16 patches, of the FMA peak.
DIRECT_GOAL = (0.95, 1.0)
DIRECT_PEAK_GOAL = (0.92, 0.95)

PASSES = {"forward": "forward", "input_gradient": "data gradient", "weight_gradient": "weight gradient"}


@dataclass(frozen=True)
class Layer:
    kind: str  # forward, input_gradient, weight_gradient or gemm
    n: int
    h: int
    w: int
    c: int
    k: int
    r: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    @property
    def name(self):
        if self.kind == "gemm":
            return f"gemm_{self.n}x{self.c}x{self.k}"
        tail = f"_d{self.dilation}" * (self.dilation > 1) + f"_g{self.groups}" * (self.groups > 1)
        return f"{self.kind}_{self.n}x{self.h}x{self.w}_{self.c}-{self.k}_{self.r}x{self.r}{tail}"

    @property
    def title(self):
        if self.kind == "gemm":
            return f"GEMM ({self.n} x {self.c}) ({self.c} x {self.k})"
        tail = f", dilation {self.dilation}" * (self.dilation > 1) + ", depthwise" * (self.groups > 1)
        return (f"{PASSES[self.kind]}, {self.n} x {self.h}x{self.w}, {self.c} -> {self.k}, {self.r}x{self.r}{tail}")

    @property
    def request(self):
        return (self.kind, self.n, self.h, self.w, self.c, self.k, self.r, self.stride, self.padding, self.dilation,
                self.groups)

    @property
    def pixels(self):
        def out(size):
            return (size + 2 * self.padding - self.dilation * (self.r - 1) - 1) // self.stride + 1
        return self.n * out(self.h) * out(self.w)

    @property
    def gflop(self):
        return 2e-9 * self.pixels * self.k * self.r * self.r * (self.c // self.groups)

    @property
    def gigabytes(self):
        """What must at least be moved: both operands and the result, once."""
        x = self.n * self.h * self.w * self.c
        return 4e-9 * (x + self.pixels * self.k + self.r * self.r * (self.c // self.groups) * self.k)

    def goal(self):
        """(what is compared: `ratio` to the best peer or multiples of the FMA `peak`, must, stretch), or None."""
        plain = self.r == 3 and self.dilation == 1 and self.groups == 1
        if self.kind == "gemm":
            return "ratio", 0.95, 1.0
        if self.kind == "forward":
            if self.groups > 1:
                return "ratio", 1.0, 1.2
            if plain and self.k == 8 and self.h == 224:
                return "ratio", 1.5, 1.8
            if plain and self.n == 16 and min(self.c, self.k) >= 64 and max(self.c, self.k) <= 256 and self.h >= 28:
                return "peak", 2.3, 2.7
            if plain and self.n == 16 and self.h in (3, 7):
                return ("ratio", 1.7, 2.2) if self.h == 7 else ("ratio", 1.0, 1.3)
        if plain and self.n == 16 and min(self.c, self.k) >= 64 and self.h >= 14:
            if self.kind == "input_gradient":
                return "ratio", 1.9, 2.4
            if self.kind == "weight_gradient":
                return "ratio", 1.8, 2.4
        return None


def distinct(network, batch, height, width):
    shapes = dict.fromkeys(unet_convolutions(*NETWORKS[network], height, width))
    return [Layer(kind, batch, h, w, c, k, r, padding=r // 2) for kind in PASSES for c, k, r, h, w in shapes]


def three_passes(*extents, **settings):
    return [Layer(kind, *extents, **settings) for kind in PASSES]


LAYERS = [
    *distinct("small", 1, 224, 256),
    *distinct("large", 16, 56, 64),
    *three_passes(1, 7, 8, 512, 512, 3, padding=1),
    *three_passes(1, 3, 4, 512, 512, 3, padding=1),
    *three_passes(16, 28, 32, 512, 256, 3, padding=6, dilation=6),
    *three_passes(16, 56, 64, 64, 64, 3, padding=1, groups=64),
    Layer("gemm", 1792, 1, 1, 256, 1024, 1),
]
