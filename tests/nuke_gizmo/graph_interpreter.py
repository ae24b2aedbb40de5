# SPDX-License-Identifier: Apache-2.0
"""Computes pictures with the nodes of a gizmo, as we read Nuke's documentation of them.

A picture is a dict of channels, (h, w) float32 with rows from the top, and its format. It proves
that the graph says what we mean, not that Nuke reads it so.
"""

from dataclasses import dataclass

import numpy as np
from blink_kernel import BlinkKernel
from nuke_expression import evaluate
from pullfocus.plate.exr import read_exr
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter

RGBA = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
_SHORT = {"r": RGBA[0], "g": RGBA[1], "b": RGBA[2], "a": RGBA[3]}
_COLOURS = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
_SETS = {"rgba": RGBA, "rgb": RGBA[:3], "alpha": RGBA[3:], "all": None}


@dataclass
class Picture:
    channels: dict[str, np.ndarray]
    width: int
    height: int
    margin: int = 0
    """Of its bounding box around the format, px of each side; width and height include it."""

    def __getitem__(self, channel: str) -> np.ndarray:
        if channel in self.channels:
            return self.channels[channel]
        return np.zeros((self.height, self.width), np.float32)

    def with_channels(self, channels) -> "Picture":
        held = {
            key: np.broadcast_to(np.float32(value), (self.height, self.width))
            for key, value in channels.items()
        }
        return Picture({**self.channels, **held}, self.width, self.height, self.margin)

    def rgba(self) -> np.ndarray:
        return np.stack([self[channel] for channel in RGBA], -1)

    def rgb(self) -> np.ndarray:
        return self.rgba()[..., :3]


def read_picture(path) -> Picture:
    """Read an EXR with the names that Nuke gives its channels."""
    channels = {}
    for name, data in read_exr(path).items():
        layer, _, component = name.rpartition(".")
        named = _COLOURS.get(component, component)
        channels[f"{layer or 'rgba'}.{named}"] = data
    height, width = next(iter(channels.values())).shape
    return Picture(channels, width, height)


def shrunk(picture: Picture, times: int) -> Picture:
    """Make a proxy: the mean of every so many pixels."""
    width, height = picture.width // times, picture.height // times
    made = {}
    for name, data in picture.channels.items():
        whole = np.float64(data[: height * times, : width * times])
        blocks = whole.reshape(height, times, width, times)
        made[name] = blocks.mean((1, 3)).astype(np.float32)
    return Picture(made, width, height)


class Interpreter:
    """Runs the nodes of a fake group; its inputs come from what is wired to it, or `given`."""

    def __init__(
        self, frame: int, given: dict[str, Picture] | None = None, *, shrink: int = 1
    ) -> None:
        """Take a frame, pictures for nodes by name, and a proxy that shrinks files by a number."""
        self.frame, self.shrink = frame, shrink
        self.given = given or {}
        self.memory: dict[str, Picture] = {}
        self.visited: list[str] = []

    def run(self, node) -> Picture:
        """The picture that leaves a node."""
        key = node.fullName()
        if key not in self.memory:
            self.visited.append(key)
            self.memory[key] = self._compute(node)
        return self.memory[key]

    def _compute(self, node) -> Picture:
        if key := next((k for k in (node.fullName(), node.name()) if k in self.given), None):
            return self.given[key]
        method = getattr(self, "do_" + node.kind, None)
        if method is None:
            raise NotImplementedError(f"{node.fullName()}: a {node.kind} cannot be computed here")
        return method(node)

    def source(self, node, index: int) -> Picture:
        wired = node.input(index)
        if wired is None:
            raise AssertionError(f"{node.fullName()}: input {index} is not connected")
        return self.run(wired)

    def number(self, node, knob: str, index: int = 0) -> float:
        return float(node[knob].number(index, self.frame))

    def do_Group(self, node):
        return self.run(next(n for n in node.nodes() if n.kind == "Output"))

    def do_Output(self, node):
        return self.source(node, 0)

    do_Dot = do_NoOp = do_Output

    def do_Input(self, node):
        return self.source(node.group, int(node["number"].number() if node["number"].held else 0))

    def do_Read(self, node):
        path = node["file"].evaluate()
        if node["raw"].held is not True:
            raise AssertionError(f"{node.fullName()}: reads data through a colour transform")
        if "%04d" in path:
            first, last = int(node["first"].held), int(node["last"].held)
            path = path % min(max(self.frame, first), last)
        return shrunk(read_picture(path), self.shrink)

    def do_Switch(self, node):
        which = int(self.number(node, "which"))
        return self.source(node, min(max(which, 0), node.inputs() - 1))

    def do_Shuffle2(self, node):
        words = str(node["mappings"].held).split()
        picture = self.source(node, 0)
        made = {}
        for at in range(1, len(words), 6):
            what, group, index, onto, out_group, out_index = words[at : at + 6]
            assert group == out_group == "0"
            component = ("red", "green", "blue", "alpha").index(onto.split(".")[1])
            assert int(index) == int(out_index) == component
            made[onto] = picture[what]
        assert len(made) == int(words[0])
        return picture.with_channels(made)

    def do_Expression(self, node):
        picture = self.source(node, 0)
        held = {}

        def resolve(name):
            if name in held:
                return held[name]
            if name in _SHORT:
                return picture[_SHORT[name]]
            if name == "x":
                return np.arange(picture.width, dtype=np.float32)[None] + 0 * picture[RGBA[0]]
            if name == "y":
                rows = np.arange(picture.height, dtype=np.float32)[::-1, None]
                return rows + 0 * picture[RGBA[0]]
            if name.startswith("parent."):
                return node.resolve(name, self.frame)
            if name in picture.channels:
                return picture[name]
            raise AssertionError(f"{node.fullName()}: nothing is called {name}")

        for index in range(4):
            text = node[f"temp_expr{index}"].held
            if text != "":
                held[node[f"temp_name{index}"].held] = evaluate(str(text), resolve)
        made = {}
        for index in range(4):
            text = node[f"expr{index}"].held
            if text != "":
                text = f"{text:g}" if isinstance(text, float) else text
                made[RGBA[index]] = evaluate(text, resolve)
        return picture.with_channels(made)

    def do_Copy(self, node):
        onto, source = self.source(node, 0), self.source(node, 1)
        assert (onto.width, onto.height) == (source.width, source.height), node.fullName()
        made = {}
        for index in range(4):
            target = node[f"to{index}"].held
            if target:
                made[target] = source[node[f"from{index}"].held]
        return onto.with_channels(made)

    def do_Premult(self, node):
        picture = self.source(node, 0)
        return picture.with_channels({c: picture[c] * picture[RGBA[3]] for c in RGBA[:3]})

    def do_Merge2(self, node):
        below, above = self.source(node, 0), self.source(node, 1)
        assert (below.width, below.height) == (above.width, above.height), node.fullName()
        operation = node["operation"].held or "over"
        limits = [_SETS[node[k].held or "rgba"] for k in ("Achannels", "Bchannels", "output")]
        a, b = (
            {c: picture[c] if c in limit else np.zeros_like(picture[c]) for c in RGBA}
            for picture, limit in zip((above, below), limits[:2], strict=True)
        )
        mix = self.number(node, "mix") if node["mix"].held != "" else 1.0
        if node["mix"].expressions:
            mix = self.number(node, "mix")
        if node.mask_input:
            mix = mix * self.source(node, 2)[node["maskChannelMask"].held]
        merged = {}
        for c in limits[2]:
            result = {
                "over": lambda c=c: a[c] + b[c] * (1 - a[RGBA[3]]),
                "plus": lambda c=c: a[c] + b[c],
                "minus": lambda c=c: a[c] - b[c],
                "copy": lambda c=c: a[c],
            }[operation]()
            merged[c] = below[c] + (result - below[c]) * mix
        return below.with_channels(merged)

    def do_Crop(self, node):
        picture = self.source(node, 0)
        if node["disable"].expressions and self.number(node, "disable"):
            return picture
        x, y, right, top = (round(self.number(node, "box", i) / self.shrink) for i in range(4))
        assert x == y == 0
        assert node["reformat"].held is True or node["intersect"].held is False
        m = picture.margin
        if m:
            inside = {k: v[m:-m, m:-m] for k, v in picture.channels.items()}
            picture = Picture(inside, picture.width - 2 * m, picture.height - 2 * m)
        out = {}
        for name, data in picture.channels.items():
            held = np.zeros((top, right), np.float32)
            h, w = min(top, picture.height), min(right, picture.width)
            held[top - h :, :w] = data[picture.height - h :, :w]
            out[name] = held
        return Picture(out, right, top)

    def do_Blur(self, node):
        """Blur with the kernel `blur`; Nuke's manual gives its reach, not its shape."""
        picture = self.source(node, 0)
        assert node["crop"].held is False, "what lies outside the format counts"
        size = self.number(node, "size") / self.shrink
        channels = _SETS[node["channels"].held]
        return picture.with_channels({c: self.blur(picture[c], size) for c in channels})

    @staticmethod
    def blur(data: np.ndarray, size: float) -> np.ndarray:
        return gaussian_filter(np.float64(data), size / 3, mode="constant", radius=round(size))

    def do_STMap(self, node):
        """Gather: output and format of the map; the source's own format is tried by a test."""
        source, places = self.source(node, 0), self.source(node, 1)
        assert node["uv"].held == "rgb"
        x = places[RGBA[0]] * source.width - 0.5
        y = (1 - places[RGBA[1]]) * source.height - 0.5
        made = {}
        for channel in RGBA[:3]:
            made[channel] = _cubic(source[channel], x, y, _SLOPES[node["filter"].held])
        return Picture(made, places.width, places.height)

    def do_Reformat(self, node):
        """Shrinks by a whole number, taking one pixel of each block."""
        picture = self.source(node, 0)
        assert node["type"].held == "to box"
        assert node["filter"].held == "impulse"
        width, height = (round(self.number(node, f"box_{axis}")) for axis in ("width", "height"))
        times = picture.width // width
        assert (width * times, height * times) == (picture.width, picture.height)
        middle = slice(times // 2, None, times)
        channels = {name: data[middle, middle] for name, data in picture.channels.items()}
        return Picture(channels, width, height)

    def do_BlinkScript(self, node):
        kernel = BlinkKernel(node["kernelSource"].held)
        prefix = kernel.name + "_"
        values = {
            name[len(prefix) :]: knob.number(0, self.frame)
            for name, knob in node.knobs().items()
            if name.startswith(prefix)
        }
        missing = set(kernel.parameters) - set(values)
        assert not missing, f"{node.fullName()}: not compiled, no knobs for {missing}"
        images = [self.source(node, index) for index in range(kernel.inputs)]
        out = kernel(*(image.rgba() for image in images), **values)
        made = dict(zip(RGBA, np.moveaxis(out, -1, 0), strict=True))
        return images[0].with_channels(made)


class BoxBlurs(Interpreter):
    """Its Blur is a box as wide as its size: the shortest reach that could be meant."""

    @staticmethod
    def blur(data: np.ndarray, size: float) -> np.ndarray:
        return uniform_filter(np.float64(data), round(size) | 1, mode="constant")


_SLOPES = {"cubic": 0.0, "Keys": 0.5, "Simon": 0.75, "Rifman": 1.0}  # a, as the manual has it


def _cubic(image: np.ndarray, x: np.ndarray, y: np.ndarray, a: float) -> np.ndarray:
    """Sample with a cubic of parameter a, black outside."""
    padded = np.pad(image, 2).astype(np.float64)
    x0, y0 = np.floor(x), np.floor(y)
    out = np.zeros(x.shape)
    for j in range(-1, 3):
        for i in range(-1, 3):
            weight = _weight(x - x0 - i, a) * _weight(y - y0 - j, a)
            rows = (y0 + j + 2).clip(0, padded.shape[0] - 1)
            columns = (x0 + i + 2).clip(0, padded.shape[1] - 1)
            out += weight * map_coordinates(padded, [rows, columns], order=0)
    return out.astype(np.float32)


def _weight(t: np.ndarray, a: float) -> np.ndarray:
    t = np.abs(t)
    inner = ((2 - a) * t - (3 - a)) * t * t + 1
    outer = -a * (((t - 5) * t + 8) * t - 4)
    return np.where(t < 1, inner, np.where(t < 2, outer, 0))
