# SPDX-License-Identifier: Apache-2.0
"""Differentiable lens blur: image + circle of confusion -> blurred image."""
