"""The networks in PyTorch, under the names of the paper's released state dicts."""
import torch
import torch.nn.functional as F
from torch import nn

from .workloads import NETWORKS, ZOO
from .zoo import zoo_network


class DoubleConv(nn.Module):
    def __init__(self, cin, cout, middle):
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(cin, middle, 3, padding=1), nn.InstanceNorm2d(middle), nn.ReLU(inplace=True),
            nn.Conv2d(middle, cout, 3, padding=1), nn.InstanceNorm2d(cout), nn.ReLU(inplace=True))

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(cin, cout, cout))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv = DoubleConv(cin, cout, cin // 2)

    def forward(self, x, skip):
        x = self.up(x)
        rows, columns = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        if rows or columns:
            x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return self.conv(torch.cat([skip, x], 1))


class Head(nn.Module):
    def __init__(self, cin, classes):
        super().__init__()
        self.conv = nn.Conv2d(cin, classes, 1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    """paser's models::UNet in its bilinear form. `drop` is called with the number of the dropout and a map."""

    def __init__(self, cin, classes, width, depth, dropout=0.5):
        super().__init__()
        self.depth, self.dropout = depth, dropout
        self.softconv = nn.Conv2d(cin, width // 2, 1)
        self.inc = DoubleConv(width // 2, width, width)
        for i in range(depth):
            here = width << i
            self.add_module(f"down{i + 1}", Down(here, here if i + 1 == depth else 2 * here))
        for i in reversed(range(depth)):
            here = width << i
            self.add_module(f"up{4 - i}", Up(2 * here, here // 2 if i else here))
        self.outc = Head(width, classes)

    def forward(self, x):
        return self.suffix(self.prefix(x), lambda call, x: F.dropout(x, self.dropout, self.training))

    def prefix(self, x):
        top = self.inc(self.softconv(x))
        return [top, self.down1(top)]

    def suffix(self, levels, drop):
        levels, calls = list(levels), 0
        for i in range(1, self.depth):
            levels.append(getattr(self, f"down{i + 1}")(drop(calls, levels[-1])))
            calls += 1
        x = drop(calls, levels.pop())
        for i in range(self.depth):
            x = getattr(self, f"up{i + 5 - self.depth}")(x, levels.pop())
            if i == 0:
                x = drop(calls + 1, x)
        return self.outc(x)


def belief(logits):
    """Mean probabilities of the passes in the batch, and their entropy: (1, K, H, W) and (1, H, W)."""
    largest = torch.maximum(torch.maximum(logits[:, 0:1], logits[:, 1:2]), logits[:, 2:3])
    weights = torch.exp(logits - largest)
    mean = (weights / weights.sum(1, keepdim=True)).mean(0, keepdim=True)
    epsilon = 2.0 ** -23
    return mean, -(mean * torch.log(mean.clamp(epsilon, 1 - epsilon))).sum(1)


class SharedPrefixMcDropout(nn.Module):
    """MC dropout as a hand would write it for an inference engine: what comes before the first dropout runs once, the
    passes run as one batch. The masks are inputs, already scaled by 1 / (1 - p)."""

    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, image, *masks):
        top, below = self.unet.prefix(image)
        passes = masks[0].shape[0]
        levels = [top.expand(passes, -1, -1, -1), below.expand(passes, -1, -1, -1)]
        # A mask broadcasts over the batch of one, so the first product needs no copy of the map.
        drop = lambda call, x: (below if call == 0 else x) * masks[call]
        return belief(self.unet.suffix(levels, drop))


class BasicBlock(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = nn.Conv2d(cout, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout)
        self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.downsample(x))


class Policy(nn.Module):
    """paser's models::PolicyNet; logits of 16 patches and 3 models."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 16))
        self.fc = nn.Linear(16, 48)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layer1(x).mean((2, 3)))


def network(name, dropout=0.5):
    if name in ZOO:
        return zoo_network(name, dropout)
    return Policy() if name == "policy" else UNet(*NETWORKS[name], dropout=dropout)
