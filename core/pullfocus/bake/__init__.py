# SPDX-License-Identifier: Apache-2.0
"""From a solved model to the passes a host reads."""
