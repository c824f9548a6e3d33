import pytest

from firmware_sim.testing import running_bus


@pytest.fixture
def channel():
    """The name of an empty bus that runs in a process of its own."""
    with running_bus() as name:
        yield name
