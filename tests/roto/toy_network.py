# SPDX-License-Identifier: Apache-2.0
"""A toy network as an ONNX file, its protobuf written by hand: redder than green is the subject."""

import struct
from pathlib import Path

import numpy as np

_SIDE = 7  # of the box that it averages over
BIAS = np.array([-6.0], np.float32)


def _varint(value: int) -> bytes:
    out = b""
    while True:
        value, low = value >> 7, value & 127
        out += bytes([low | (128 if value else 0)])
        if not value:
            return out


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, values: np.ndarray) -> bytes:
    dims = b"".join(_number(1, side) for side in values.shape)
    raw = struct.pack(f"<{values.size}f", *values.ravel())
    return dims + _number(2, 1) + _bytes(8, name) + _bytes(9, raw)


def _value(name: str, channels: int) -> bytes:
    dims = [_number(1, 1), _number(1, channels), _bytes(2, "h"), _bytes(2, "w")]
    shape = b"".join(_bytes(1, one) for one in dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, shape)))


def _node(kind: str, inputs: list[str], output: str, attributes: bytes = b"") -> bytes:
    names = b"".join(_bytes(1, one) for one in inputs)
    return names + _bytes(2, output) + _bytes(4, kind) + attributes


def write_network(path: Path, *, goes_on: bool, channels: int = 3) -> Path:
    """Write it: RGB (1, 3, h, w), and where it goes on the neighbour's matte too, to a matte."""
    weight = np.zeros((1, channels, _SIDE, _SIDE), np.float32)
    weight[:, 0], weight[:, 1] = 40 / _SIDE**2, -40 / _SIDE**2
    pads = b"".join(_number(8, _SIDE // 2) for _ in range(4))
    attribute = _bytes(5, _bytes(1, "pads") + pads + _number(20, 7))
    nodes = [_node("Conv", ["rgb", "weight", "bias"], "odds", attribute)]
    inputs, tensors = [_value("rgb", channels)], [_tensor("weight", weight), _tensor("bias", BIAS)]
    last = "odds"
    if goes_on:
        inputs.append(_value("before", 1))
        tensors.append(_tensor("share", np.ones((1, 1, 1, 1), np.float32)))
        nodes.append(_node("Mul", ["before", "share"], "kept"))
        nodes.append(_node("Add", ["odds", "kept"], "both"))
        last = "both"
    nodes.append(_node("Sigmoid", [last], "matte"))
    graph = b"".join(_bytes(1, one) for one in nodes) + _bytes(2, "toy")
    graph += b"".join(_bytes(5, one) for one in tensors)
    graph += b"".join(_bytes(11, one) for one in inputs) + _bytes(12, _value("matte", 1))
    opset = _bytes(8, _bytes(1, "") + _number(2, 13))
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + opset)
    return path
