"""A plugin of pytest for machines that stand still at times: a test may pass at a later attempt.

    pytest -p again          with this folder in PYTHONPATH

In a kernel that is a process among others, or in an emulator, a second may pass between two
instructions.
"""

from _pytest.runner import runtestprotocol

ATTEMPTS = 8


def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range(1, ATTEMPTS + 1):
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if attempt == ATTEMPTS or not any(report.failed for report in reports):
            break
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
