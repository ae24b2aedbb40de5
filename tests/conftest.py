# SPDX-License-Identifier: Apache-2.0
import hypothesis
import numpy as np
import pytest

# a busy machine is no failure
hypothesis.settings.register_profile("pullfocus", deadline=None)
hypothesis.settings.load_profile("pullfocus")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)
