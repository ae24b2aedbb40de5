# SPDX-License-Identifier: Apache-2.0
"""The command line: a file a verb, thin over the functions that do the work."""

from pullfocus.cli.command import app, main, run

__all__ = ["app", "main", "run"]
