from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def event():
    """Make the journal line of event number *n*."""

    def event(n, rule="engine_hot"):
        return b'{"event":"raised","rule":"%s","value":1.5,"t_ns":%d}\n' % (rule.encode(), n)

    return event
