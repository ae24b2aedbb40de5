# SPDX-License-Identifier: Apache-2.0
"""The contract of passes: names, units, passes.json. Standard library only."""
