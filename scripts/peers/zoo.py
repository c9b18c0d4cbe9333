"""The comparison networks in PyTorch, their tensors named as in the public checkpoints, which are paser's names too."""
import math

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 19


# SegFormer, as Hugging Face's transformers has it.


def tokens(x):
    return x.flatten(2).transpose(1, 2)


def as_map(x, height, width):
    return x.transpose(1, 2).reshape(x.shape[0], -1, height, width)


def container(**members):
    module = nn.Module()
    for name, member in members.items():
        module.add_module(name, member)
    return module


class DropPath(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        keep = 1 - self.p
        return x * torch.empty((x.shape[0],) + (1,) * (x.dim() - 1)).bernoulli_(keep).div_(keep)


class Embedding(nn.Module):
    def __init__(self, cin, cout, kernel, stride):
        super().__init__()
        self.proj = nn.Conv2d(cin, cout, kernel, stride, kernel // 2)
        self.layer_norm = nn.LayerNorm(cout)

    def forward(self, x):
        x = self.proj(x)
        return self.layer_norm(tokens(x)), x.shape[2], x.shape[3]


class Attention(nn.Module):
    def __init__(self, c, heads, reduction):
        super().__init__()
        inner = dict(query=nn.Linear(c, c), key=nn.Linear(c, c), value=nn.Linear(c, c))
        if reduction > 1:
            inner.update(sr=nn.Conv2d(c, c, reduction, reduction), layer_norm=nn.LayerNorm(c))
        self.add_module("self", container(**inner))
        self.output = container(dense=nn.Linear(c, c))
        self.heads, self.reduction, self.scale = heads, reduction, math.sqrt(c // heads)

    def forward(self, x, h, w):
        inner = getattr(self, "self")

        def split(y):
            return y.reshape(y.shape[0], y.shape[1], self.heads, -1).permute(0, 2, 1, 3)

        query, reduced = split(inner.query(x)), x
        if self.reduction > 1:
            reduced = inner.layer_norm(tokens(inner.sr(as_map(x, h, w))))
        key, value = split(inner.key(reduced)), split(inner.value(reduced))
        shares = torch.softmax(query @ key.transpose(2, 3) / self.scale, -1)
        return self.output.dense((shares @ value).permute(0, 2, 1, 3).reshape(x.shape))


class MixFfn(nn.Module):
    def __init__(self, c, hidden):
        super().__init__()
        self.dense1, self.dense2 = nn.Linear(c, hidden), nn.Linear(hidden, c)
        self.dwconv = container(dwconv=nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden))

    def forward(self, x, h, w):
        x = tokens(self.dwconv.dwconv(as_map(self.dense1(x), h, w)))
        return self.dense2(F.gelu(x))


class Block(nn.Module):
    def __init__(self, c, heads, reduction, drop_path):
        super().__init__()
        self.layer_norm_1, self.layer_norm_2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.attention, self.mlp = Attention(c, heads, reduction), MixFfn(c, 4 * c)
        self.drop_path = DropPath(drop_path)

    def forward(self, x, h, w):
        x = x + self.drop_path(self.attention(self.layer_norm_1(x), h, w))
        return x + self.drop_path(self.mlp(self.layer_norm_2(x), h, w))


class SegFormer(nn.Module):
    def __init__(self, size, dropout=0.1, drop_path=0.1):
        super().__init__()
        depths, widths, wide = {"B0": ((2, 2, 2, 2), (32, 64, 160, 256), 256),
                                "B5": ((3, 6, 40, 3), (64, 128, 320, 512), 768)}[size]
        heads, reductions, last = (1, 2, 5, 8), (8, 4, 2, 1), sum(depths) - 1
        embeddings, blocks, number = nn.ModuleList(), nn.ModuleList(), 0
        for i, (depth, c) in enumerate(zip(depths, widths)):
            embeddings.append(Embedding(widths[i - 1] if i else 3, c, 3 if i else 7, 2 if i else 4))
            blocks.append(nn.ModuleList())
            for _ in range(depth):
                blocks[-1].append(Block(c, heads[i], reductions[i], drop_path * number / last))
                number += 1
        norms = nn.ModuleList(nn.LayerNorm(c) for c in widths)
        self.segformer = container(encoder=container(patch_embeddings=embeddings, block=blocks, layer_norm=norms))
        self.decode_head = container(linear_c=nn.ModuleList(container(proj=nn.Linear(c, wide)) for c in widths),
                                     linear_fuse=nn.Conv2d(4 * wide, wide, 1, bias=False),
                                     batch_norm=nn.BatchNorm2d(wide), classifier=nn.Conv2d(wide, CLASSES, 1))
        self.dropout = dropout

    def forward(self, x):
        encoder, head, maps = self.segformer.encoder, self.decode_head, []
        for embedding, blocks, norm in zip(encoder.patch_embeddings, encoder.block, encoder.layer_norm):
            x, h, w = embedding(x)
            for block in blocks:
                x = block(x, h, w)
            x = as_map(norm(x), h, w)
            maps.append(x)
        size = maps[0].shape[2:]
        wide = [F.interpolate(as_map(linear.proj(tokens(m)), m.shape[2], m.shape[3]), size=size, mode="bilinear",
                              align_corners=False) for linear, m in zip(head.linear_c, maps)]
        x = F.relu(head.batch_norm(head.linear_fuse(torch.cat(wide[::-1], 1))))
        return head.classifier(F.dropout(x, self.dropout, self.training))


# DeepLabV3+ with ResNet-50 and output stride 16, as VainF/DeepLabV3Plus-Pytorch has it.


def conv_norm_relu(cin, cout, kernel, dilation=1):
    return nn.Sequential(nn.Conv2d(cin, cout, kernel, padding=kernel // 2 * dilation, dilation=dilation, bias=False),
                         nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


class Bottleneck(nn.Module):
    def __init__(self, cin, width, stride, dilation):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(cin, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride != 1 or cin != 4 * width:
            self.downsample = nn.Sequential(nn.Conv2d(cin, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        beside = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(y)) + beside, inplace=True)


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        cin = 64
        for i, (blocks, stride, dilation) in enumerate(((3, 1, 1), (4, 2, 1), (6, 2, 1), (3, 1, 2))):
            layer = []
            for b in range(blocks):
                layer.append(Bottleneck(cin, 64 << i, stride if b == 0 else 1, dilation if b > 0 else 1))
                cin = 256 << i
            self.add_module(f"layer{i + 1}", nn.Sequential(*layer))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x)), inplace=True), 3, 2, 1)
        low = self.layer1(x)
        return low, self.layer4(self.layer3(self.layer2(low)))


class Pooling(nn.Sequential):
    def __init__(self, cin, cout):
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout),
                         nn.ReLU(inplace=True))

    def forward(self, x):
        return F.interpolate(super().forward(x), size=x.shape[2:], mode="bilinear", align_corners=False)


class Aspp(nn.Module):
    def __init__(self, cin, dropout):
        super().__init__()
        self.convs = nn.ModuleList([conv_norm_relu(cin, 256, 1), *(conv_norm_relu(cin, 256, 3, d) for d in (6, 12, 18)),
                                    Pooling(cin, 256)])
        self.project = nn.Sequential(*conv_norm_relu(1280, 256, 1), nn.Dropout(dropout))

    def forward(self, x):
        return self.project(torch.cat([conv(x) for conv in self.convs], 1))


class DeepLabV3Plus(nn.Module):
    def __init__(self, dropout=0.1):
        super().__init__()
        self.backbone = ResNet50()
        self.classifier = container(project=conv_norm_relu(256, 48, 1), aspp=Aspp(2048, dropout),
                                    classifier=nn.Sequential(*conv_norm_relu(304, 256, 3), nn.Conv2d(256, CLASSES, 1)))

    def forward(self, image):
        low, high = self.backbone(image)
        head = self.classifier
        low, wide = head.project(low), head.aspp(high)
        wide = F.interpolate(wide, size=low.shape[2:], mode="bilinear", align_corners=False)
        x = head.classifier(torch.cat([low, wide], 1))
        return F.interpolate(x, size=image.shape[2:], mode="bilinear", align_corners=False)


# EfficientViT-B1 with the head for Cityscapes, as mit-han-lab/efficientvit has it.


class ConvLayer(nn.Module):
    def __init__(self, cin, cout, kernel=1, stride=1, groups=1, bias=False, norm=True, act=True):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(cout) if norm else None
        self.act = nn.Hardswish(inplace=True) if act else None

    def forward(self, x):
        x = self.conv(x)
        x = x if self.norm is None else self.norm(x)
        return x if self.act is None else self.act(x)


class DSConv(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.depth_conv, self.point_conv = ConvLayer(c, c, 3, groups=c), ConvLayer(c, c, act=False)

    def forward(self, x):
        return self.point_conv(self.depth_conv(x))


class MBConv(nn.Module):
    def __init__(self, cin, cout, stride=1, expand=4, fewer_norms=False):
        super().__init__()
        inside, kept = cin * expand, dict(bias=fewer_norms, norm=not fewer_norms)
        self.inverted_conv = ConvLayer(cin, inside, **kept)
        self.depth_conv = ConvLayer(inside, inside, 3, stride, inside, **kept)
        self.point_conv = ConvLayer(inside, cout, act=False)

    def forward(self, x):
        return self.point_conv(self.depth_conv(self.inverted_conv(x)))


class Residual(nn.Module):
    def __init__(self, main, shortcut=True):
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x):
        return self.main(x) + x if self.shortcut else self.main(x)


class LiteMLA(nn.Module):
    def __init__(self, c, features):
        super().__init__()
        self.features = features
        self.qkv = ConvLayer(c, 3 * c, norm=False, act=False)
        self.aggreg = nn.ModuleList([nn.Sequential(
            nn.Conv2d(3 * c, 3 * c, 5, padding=2, groups=3 * c, bias=False),
            nn.Conv2d(3 * c, 3 * c, 1, groups=3 * c // features, bias=False))])
        self.proj = ConvLayer(2 * c, c, act=False)

    def forward(self, x):
        fine = self.qkv(x)
        qkv = torch.cat([fine, self.aggreg[0](fine)], 1)
        n, _, h, w = qkv.shape
        q, k, v = qkv.reshape(n, -1, 3 * self.features, h * w).split(self.features, 2)
        q, k = F.relu(q), F.relu(k)
        v = F.pad(v, (0, 0, 0, 1), value=1.0)
        y = (v @ k.transpose(-1, -2)) @ q
        y = y[:, :, :-1] / (y[:, :, -1:] + 1e-15)
        return self.proj(y.reshape(n, -1, h, w))


class EfficientViTBlock(nn.Module):
    def __init__(self, c, features):
        super().__init__()
        self.context_module = Residual(LiteMLA(c, features))
        self.local_module = Residual(MBConv(c, c, fewer_norms=True))

    def forward(self, x):
        return self.local_module(self.context_module(x))


class EfficientViT(nn.Module):
    def __init__(self):
        super().__init__()
        widths, depths, features, wide = (16, 32, 64, 128, 256), (1, 2, 3, 3, 4), 16, 64

        def op_list(*layers):
            return container(op_list=nn.ModuleList(layers))

        stem = op_list(ConvLayer(3, widths[0], 3, 2), *(Residual(DSConv(widths[0])) for _ in range(depths[0])))
        stages = nn.ModuleList()
        for i in range(1, 5):
            cin, c, late = widths[i - 1], widths[i], i >= 3
            layers = [Residual(MBConv(cin, c, 2, fewer_norms=late), False)]
            layers += [EfficientViTBlock(c, features) if late else Residual(MBConv(c, c))
                       for _ in range(depths[i] - (not late))]
            stages.append(op_list(*layers))
        self.backbone = container(input_stem=stem, stages=stages)
        inputs = nn.ModuleList([op_list(ConvLayer(widths[4], wide, act=False)),
                                op_list(ConvLayer(widths[3], wide, act=False)), ConvLayer(widths[2], wide, act=False)])
        outputs = op_list(ConvLayer(wide, 4 * wide), ConvLayer(4 * wide, CLASSES, bias=True, norm=False, act=False))
        self.head = container(input_ops=inputs, middle=op_list(*(Residual(MBConv(wide, wide)) for _ in range(3))),
                              output_ops=nn.ModuleList([outputs]))

    def forward(self, x):
        def run(stage, x):
            for layer in stage.op_list:
                x = layer(x)
            return x

        def enlarged(x, factor):
            return F.interpolate(x, scale_factor=factor, mode="bicubic", align_corners=False)

        x, maps = run(self.backbone.input_stem, x), []
        for stage in self.backbone.stages:
            x = run(stage, x)
            maps.append(x)
        inputs = self.head.input_ops
        x = inputs[2](maps[1]) + enlarged(run(inputs[1], maps[2]), 2) + enlarged(run(inputs[0], maps[3]), 4)
        return run(self.head.output_ops[0], run(self.head.middle, x))


def zoo_network(name, dropout):
    """`dropout` 0: nothing random in training; otherwise the published rates."""
    if name.startswith("segformer"):
        rates = {} if dropout else {"dropout": 0.0, "drop_path": 0.0}
        return SegFormer(name.split("_")[1].upper(), **rates)
    if name == "deeplab":
        return DeepLabV3Plus(0.1 if dropout else 0.0)
    return EfficientViT()
