"""The roofline plot (Williams, Waterman and Patterson 2009) as an SVG picture: speed against the flops that a layer
needs for each byte that it must at least move."""
import math
from html import escape

from .layers import LAYERS

WIDTH, HEIGHT = 900, 600
LEFT, RIGHT, TOP, BOTTOM = 80, 180, 50, 70
COLOURS = {"paser": "#c0392b", "paser-direct": "#e59866", "onednn": "#2471a3", "libxsmm": "#229954", "openblas": "#b7950b", "eigen": "#7d3c98",
           "onnxruntime": "#555555"}


class Axis:
    def __init__(self, low, high, start, end):
        self.low, self.high, self.start, self.end = math.log10(low), math.log10(high), start, end

    def __call__(self, value):
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def decades(self):
        return [10.0 ** e for e in range(math.ceil(self.low), math.floor(self.high) + 1)]


def text(x, y, words, anchor="middle", size=12, turn=None):
    rotation = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn is not None else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{rotation}>{escape(words)}</text>'


def line(x1, y1, x2, y2, colour, width=1.0, dash=""):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"'
            + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")


def roofs(ceiling, x, y, low, high):
    """The peak, and a slanted line for each level of memory up to where it meets the peak."""
    peak, parts = ceiling["fma_gflops"], []
    parts.append(line(x(low), y(peak), x(high), y(peak), "#333", 2))
    parts.append(text(x(high) + 6, y(peak) + 4, f"FMA peak {peak:.0f}", "start"))
    for level in ("L1", "L2", "L3", "DRAM"):
        bandwidth = ceiling[level]["triad_gbs"]
        knee, foot = peak / bandwidth, max(low, 10 ** y.low / bandwidth)
        parts.append(line(x(foot), y(foot * bandwidth), x(knee), y(peak), "#888", 1, "5 3"))
        parts.append(text(x(foot) + 4, y(foot * bandwidth) - 6, f"{level} {bandwidth:.0f} GB/s", "start", 11))
    return parts


def svg(result, selected):
    threads = max(r["threads"] for r in result["rows"])
    ceiling = result["machine"]["ceilings"][str(threads)]
    layers = {layer.name: layer for layer in selected if layer in LAYERS}
    points = [(layers[r["workload"]], r) for r in result["rows"] if r["workload"] in layers and r["threads"] == threads]
    fastest = max([r["gflops"] for _, r in points] + [ceiling["fma_gflops"]])
    x = Axis(0.1, 1000, LEFT, WIDTH - RIGHT)
    y = Axis(1, 1.5 * fastest, HEIGHT - BOTTOM, TOP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             f'font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             text(WIDTH / 2, 26, f"Layers on {threads} thread{'s' * (threads > 1)} of {result['machine']['cpu']}, "
                                 f"{result['date'][:10]}", size=15)]
    for value in x.decades():
        parts += [line(x(value), TOP, x(value), HEIGHT - BOTTOM, "#eee"), text(x(value), HEIGHT - BOTTOM + 18, f"{value:g}")]
    for value in y.decades():
        parts += [line(LEFT, y(value), WIDTH - RIGHT, y(value), "#eee"), text(LEFT - 8, y(value) + 4, f"{value:g}", "end")]
    parts += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 24, "flops for each byte that must be moved (direct convolution)"),
              text(24, HEIGHT / 2, "GFLOP/s, counted as direct convolution", turn=-90)]
    parts += roofs(ceiling, x, y, 0.1, 1000)
    for layer, row in points:
        intensity = min(max(layer.gflop / layer.gigabytes, 0.1), 1000)
        parts.append(f'<circle cx="{x(intensity):.1f}" cy="{y(max(row["gflops"], 1)):.1f}" r="4" '
                     f'fill="{COLOURS.get(row["peer"], "#555")}" fill-opacity="0.7"><title>{escape(row["peer"])}: '
                     f'{escape(layer.title)}: {row["gflops"]:.0f} GFLOP/s</title></circle>')
    for i, peer in enumerate(dict.fromkeys(r["peer"] for _, r in points)):
        parts += [f'<circle cx="{WIDTH - RIGHT + 24}" cy="{HEIGHT - BOTTOM - 20 * i - 14}" r="5" '
                  f'fill="{COLOURS.get(peer, "#555")}"/>',
                  text(WIDTH - RIGHT + 36, HEIGHT - BOTTOM - 20 * i - 10, peer, "start")]
    return "\n".join(parts) + "\n</svg>\n"
