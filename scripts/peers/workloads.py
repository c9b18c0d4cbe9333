"""What is compared: the workloads by name, their work in multiply-accumulates, and the goals set for them."""
from dataclasses import dataclass

# UNets: input channels, classes, width, depth. `policy` is another kind of network, and so are those of ZOO.
NETWORKS = {"small": (1, 3, 8, 2), "medium": (1, 3, 16, 4), "large": (1, 3, 64, 4)}
SAMPLES = 5  # passes of MC dropout
# The networks of zoo.py: multiply-accumulates of one image, attention's products included, by its side; stride of the
# logits.
ZOO = {"segformer_b0": ({512: 7838367744, 256: 1764556800}, 4),
       "segformer_b5": ({512: 109861928960, 256: 25565462528}, 4),
       "deeplab": ({512: 59551252480, 256: 14888206336}, 1),
       "efficientvit": ({512: 3138125824, 256: 784531456}, 8)}


@dataclass(frozen=True)
class Workload:
    name: str
    network: str
    kind: str  # inference, mc_dropout, policy or training
    batch: int
    height: int
    width: int
    title: str

    @property
    def gflop(self):
        """Work of one run: 2 flops a multiply-accumulate of convolutions and linear layers, counted as direct
        convolution; a training step counts three times its forward pass, MC dropout counts every pass."""
        passes = {"training": 3, "mc_dropout": SAMPLES}.get(self.kind, 1)
        if self.network in ZOO:
            macs = ZOO[self.network][0][self.height]
        elif self.kind == "policy":
            macs = policy_macs(self.height, self.width)
        else:
            macs = unet_macs(*NETWORKS[self.network], self.height, self.width)
        return 2e-9 * macs * self.batch * passes


WORKLOADS = [Workload(*row) for row in [
    ("W1", "small", "inference", 1, 224, 256, "small UNet, one image"),
    ("W1mc", "small", "mc_dropout", 1, 224, 256, "small UNet, MC dropout, 5 passes, entropy map"),
    ("W2", "medium", "inference", 16, 56, 64, "medium UNet, 16 patches"),
    ("W3", "large", "inference", 16, 56, 64, "large UNet, 16 patches"),
    ("W3s", "large", "inference", 1, 56, 64, "large UNet, one patch"),
    ("W4", "policy", "policy", 1, 224, 256, "policy network, one image"),
    ("W5s", "small", "training", 4, 224, 256, "training step, small UNet, 4 images"),
    ("W5m", "medium", "training", 16, 56, 64, "training step, medium UNet, 16 patches"),
    ("W5l", "large", "training", 4, 56, 64, "training step, large UNet, 4 patches"),
    ("W6s", "small", "inference", 128, 32, 32, "small UNet, 128 images of 32x32"),
    ("W6m", "medium", "inference", 128, 32, 32, "medium UNet, 128 images of 32x32"),
    ("W6l", "large", "inference", 128, 32, 32, "large UNet, 128 images of 32x32"),
    ("W6st", "small", "training", 128, 32, 32, "training step, small UNet, 128 images of 32x32"),
    ("W6mt", "medium", "training", 32, 32, 32, "training step, medium UNet, 32 images of 32x32"),
    ("Z1", "segformer_b0", "inference", 1, 512, 512, "SegFormer-B0, 512x512"),
    ("Z2", "segformer_b5", "inference", 1, 512, 512, "SegFormer-B5, 512x512"),
    ("Z3", "deeplab", "inference", 1, 512, 512, "DeepLabV3+ with ResNet-50, stride 16, 512x512"),
    ("Z4", "efficientvit", "inference", 1, 512, 512, "EfficientViT-B1, 512x512"),
    ("Z1t", "segformer_b0", "training", 2, 256, 256, "training step, SegFormer-B0, 2 images of 256x256"),
    ("Z2t", "segformer_b5", "training", 2, 256, 256, "training step, SegFormer-B5, 2 images of 256x256"),
    ("Z3t", "deeplab", "training", 2, 256, 256, "training step, DeepLabV3+, 2 images of 256x256"),
    ("Z4t", "efficientvit", "training", 2, 256, 256, "training step, EfficientViT-B1, 2 images of 256x256"),
]]

# Ratio to the best peer at two threads: what must be reached, and what would be nice.
GOALS = {
    "W1": (2.0, 2.4), "W1mc": (3.0, 4.0), "W2": (1.6, 1.9), "W3": (2.4, 3.0), "W3s": (1.5, 1.8), "W4": (1.4, 1.75),
    "W5s": (2.0, 2.4), "W5m": (2.2, 2.8), "W5l": (2.2, 3.0), "W6s": (1.6, 1.9), "W6m": (1.6, 1.9), "W6l": (2.0, 2.4),
    "W6st": (1.8, 2.1), "W6mt": (1.8, 2.1), "Z1": (2.0, 2.5), "Z2": (1.5, 2.0), "Z3": (2.0, 2.5), "Z4": (1.5, 2.0),
    "Z1t": (1.8, 2.5), "Z2t": (1.8, 2.5), "Z3t": (1.8, 2.5), "Z4t": (1.8, 2.5),
}
# Goals against one peer that is not the best one.
PEER_GOALS = {("W1mc", "torch"): (6.0, 8.0)}


def unet_convolutions(cin, classes, width, depth, height, width_px):
    """Every convolution of the UNet for one image: (input channels, output channels, kernel, height, width)."""
    def twice(a, middle, b, level):
        h, w = height >> level, width_px >> level
        return [(a, middle, 3, h, w), (middle, b, 3, h, w)]

    layers = [(cin, width // 2, 1, height, width_px)] + twice(width // 2, width, width, 0)
    for i in range(depth):
        here = width << i
        below = here if i + 1 == depth else 2 * here
        layers += twice(here, below, below, i + 1)
    for i in reversed(range(depth)):
        here = width << i
        layers += twice(2 * here, here, here // 2 if i else here, i)
    return layers + [(width, classes, 1, height, width_px)]


def unet_macs(*network_and_size):
    return sum(c * k * r * r * h * w for c, k, r, h, w in unet_convolutions(*network_and_size))


def policy_macs(height, width):
    half = ((height + 1) // 2) * ((width + 1) // 2)
    return height * width * 9 * 2 * 64 + half * (9 * 64 * 16 + 9 * 16 * 16 + 64 * 16) + 16 * 48
