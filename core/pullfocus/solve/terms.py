# SPDX-License-Identifier: Apache-2.0
"""The terms of layered neural atlases (Kasten et al. 2021; the paper's section 3.5, Eq. 4).

One function an equation, unweighted, on n random pixels. Lengths are px of the plate; colours are
display-encoded, 0..1. Where nothing can be compared a term is 0, never NaN: on defocused footage
it happens that no pixel passes the check of its flow.
"""

import torch

from pullfocus.native import has_native, run

__all__ = [
    "absolute_difference",
    "flow_term",
    "gradient_term",
    "matte_flow_term",
    "matte_start_term",
    "rigidity_term",
    "sparsity_term",
]

_RIDGE = 1e-3


def _mean_of(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    return torch.where(valid, values, torch.zeros_like(values)).sum() / valid.sum().clamp(min=1)


def flow_term(
    here: torch.Tensor, there: torch.Tensor, weight: torch.Tensor, valid: torch.Tensor
) -> torch.Tensor:
    """Return the mean of w |M(p) - M(p + F(p))| over the pixels whose flow is trusted, px.

    Args:
        here: (n, 2) where pixels lie in the atlas.
        there: (n, 2) where the pixels lie that flow joins them with.
        weight: (n,) how far the layer is what is seen, 0..1.
        valid: (n,) bool.
    """
    return _mean_of(weight * (here - there).norm(dim=1), valid)


def matte_flow_term(here: torch.Tensor, there: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return the mean of |alpha(p) - alpha(p + F(p))| over trusted flow; all (n,)."""
    return _mean_of((here - there).abs(), valid)


def rigidity_term(jacobian: torch.Tensor) -> torch.Tensor:
    """Return the mean of ||J'J|| + ||(J'J + ridge)^-1||, Frobenius norms.

    A rigid mapping gives 2 sqrt(2), the least there is, not 0.

    Args:
        jacobian: (n, 2, 2) d atlas px / d plate px.
    """
    stretch = jacobian.transpose(1, 2) @ jacobian
    ridged = stretch + _RIDGE * torch.eye(2, dtype=stretch.dtype, device=stretch.device)
    a, b, c, d = ridged.flatten(1).unbind(1)
    adjugate = torch.stack([d, -b, -c, a], 1)
    inverse_norm = adjugate.norm(dim=1) / (a * d - b * c).abs().clamp(min=_RIDGE**2)
    return (stretch.flatten(1).norm(dim=1) + inverse_norm).mean()


def sparsity_term(colour: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Return the mean of |(1 - alpha) c|^2: what a subject hides nowhere it need not hold.

    Args:
        colour: (3, n).
        alpha: (n,).
    """
    return ((1 - alpha) * colour).square().sum(0).mean()


def matte_start_term(alpha: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """Return the mean binary cross entropy of a matte with the given one, both (n,)."""
    a = alpha.clamp(1e-4, 1 - 1e-4)
    return -(given * a.log() + (1 - given) * (1 - a).log()).mean()


class _Difference(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):  # type: ignore[no-untyped-def]
        x, y = x.contiguous(), y.contiguous()
        sums = torch.empty(2, dtype=torch.float64)
        run("difference", x, y, x.numel(), sums)
        ctx.save_for_backward(x, y)
        return (sums[0] / x.numel()).float()

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        x, y = ctx.saved_tensors
        out = torch.empty_like(x)
        run("difference_sign", x, y, x.numel(), grad.item() / x.numel(), out)
        return out, None


def absolute_difference(shown: torch.Tensor, plate: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute difference; gradients flow into the first, of the same shape."""
    if has_native(shown, plate):
        out: torch.Tensor = _Difference.apply(shown, plate)
        return out
    return (shown - plate).abs().mean()


def gradient_term(shown: torch.Tensor, plate: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the differences of neighbours, summed over RGB.

    Args:
        shown: (3, h, w).
        plate: (3, h, w).
    """
    error = shown - plate
    return sum(
        (error.diff(dim=d).square().sum(0).mean() for d in (1, 2) if error.shape[d] > 1),
        start=error.new_zeros(()),
    )
