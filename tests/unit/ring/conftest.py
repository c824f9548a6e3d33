import contextlib

import numpy as np
import pytest

from gateway.ring import ReaderSpec, Ring

NUMBER = np.dtype([("number", np.int64)])


@pytest.fixture
def make_ring():
    """Make a ring of integers; its parts are closed with the test."""
    with contextlib.ExitStack() as stack:

        def make(*readers, capacity=8, lanes=1):
            specs = [ReaderSpec(name=r) if isinstance(r, str) else r for r in readers]
            return stack.enter_context(Ring.create(NUMBER, capacity, lanes, specs))

        yield make


@pytest.fixture
def numbers():
    """Make records of the integers from *start* up to *stop*."""

    def make(start, stop):
        return np.arange(start, stop).view(NUMBER)

    return make
