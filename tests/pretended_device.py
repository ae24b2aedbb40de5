# SPDX-License-Identifier: Apache-2.0
"""A device that is not the CPU, for machines that have none: tensors on it refuse those beside it.

A tensor on the pretended device says ``device="lazy"``, whose gradients torch computes without a
backend, holds a CPU tensor, and computes with it. What a GPU refuses is refused: an operation on
tensors of two devices, and ``.numpy()``. Native kernels and NumPy do not see it, so code falls back
to what it does on a device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

NAME = "lazy"
_TAKES_BOTH = ("aten::index", "aten::index_put_", "aten::_index_put_impl_", "aten::copy_")
"""A device's tensors may be indexed by the CPU's, and copied over from there."""


class Pretended(torch.Tensor):
    """A CPU tensor that says it lies elsewhere."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Pretended:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=NAME,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        return _run(func, args, kwargs or {})

    def __repr__(self, **_: Any) -> str:
        return f"Pretended({self.held!r})"


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func._schema.name
    flat = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
    ours = [x for x in flat if isinstance(x, Pretended)]
    wanted = kwargs.get("device")
    there = bool(ours) if wanted is None else torch.device(wanted).type == NAME
    if name == "aten::copy_":
        there = isinstance(args[0], Pretended)
    elif wanted is None and ours and name not in _TAKES_BOTH:
        beside = [x for x in flat if x.dim() and not isinstance(x, Pretended)]
        if beside:
            shapes = [tuple(x.shape) for x in beside]
            raise RuntimeError(f"{name}: tensors {shapes} of the CPU beside those of a device")
    elif name == "aten::index" and ours and not isinstance(args[0], Pretended):
        raise RuntimeError(f"{name}: a tensor of the CPU indexed by one of a device")
    of = {id(x.held): x for x in ours}
    plain = tree_map(lambda x: x.held if isinstance(x, Pretended) else x, (args, kwargs))
    if wanted is not None:
        plain[1]["device"] = torch.device("cpu")
    out = func(*plain[0], **plain[1])
    if not there:
        return out

    def wrapped(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        known = of.get(id(x))  # written in place
        return Pretended(x) if known is None else known

    return tree_map(wrapped, out)


class _Pretending(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        return _run(func, args, kwargs or {})


class _Literals(TorchFunctionMode):
    """Tensors from numbers of Python are made where no dispatch sees it: on the CPU, then moved."""

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.new_tensor:
            device, kind = kwargs.pop("device", args[0].device), kwargs.pop("dtype", args[0].dtype)
            return torch.tensor(args[1], dtype=kind, **kwargs).to(device)
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        return func(*args, **kwargs)


@contextmanager
def pretended_device() -> Iterator[str]:
    """Give the device's name; what is made on it inside is `Pretended`."""
    known = torch.autocast
    torch.autocast = lambda kind, **options: (  # type: ignore[assignment,misc]
        nullcontext() if kind == NAME else known(kind, **options)  # it takes real devices only
    )
    try:
        with _Literals(), _Pretending():
            yield NAME
    finally:
        torch.autocast = known  # type: ignore[misc]
