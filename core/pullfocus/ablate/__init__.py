# SPDX-License-Identifier: Apache-2.0
"""Solvers against each other: one budget, one table, one picture."""
