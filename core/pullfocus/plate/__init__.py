# SPDX-License-Identifier: Apache-2.0
"""Footage on disk to arrays and back."""
