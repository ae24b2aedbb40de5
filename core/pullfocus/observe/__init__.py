# SPDX-License-Identifier: Apache-2.0
"""What is measured off the plate before anything is solved."""
