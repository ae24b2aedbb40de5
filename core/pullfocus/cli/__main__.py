# SPDX-License-Identifier: Apache-2.0
"""``python -m pullfocus.cli``: the command, where none is installed."""

from pullfocus.cli import main

if __name__ == "__main__":
    main()
