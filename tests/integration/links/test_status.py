"""What is the matter with a link is in the status of the running gateway, and in its log."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

CONFIG = """
[[source]]
name = "gps"
type = "serial"
port = "{port}"
protocol = "lines"
mute_after = "300ms"
fields = [{{ name = "a" }}]

[[rule]]
name = "high"
signal = "a"
above = 10
"""


@pytest.fixture
def run(tmp_path, adapter):
    """Run a gateway on the adapter; yield its process and a command that asks it for its status."""
    (tmp_path / "car.toml").write_text(CONFIG.format(port=adapter.by_id))
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(tmp_path / "run")}
    command = [sys.executable, "-m", "gateway"]

    def status(*options):
        done = subprocess.run(
            [*command, "status", "car.toml", *options],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        return done.stdout

    @contextlib.contextmanager
    def run():
        process = subprocess.Popen(
            [*command, "run", "car.toml"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process, status
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            process.stderr.close()

    return run


def said(process, words):
    """Wait until the log says *words*; return the line."""
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"the gateway ended without saying {words!r}")


def producer(status, *states):
    """Return what the status says of the producer, once its link is in these states: it may be
    said in the log a moment before.
    """
    until = time.monotonic() + 60
    while True:
        told = status("--json")
        if told:
            [found] = [p for p in json.loads(told)["processes"] if p["name"] == "gps"]
            if set(found["link"]["states"]) == set(states):
                return found
        assert time.monotonic() < until, told


def test_a_link_in_each_of_its_states(run, adapter):
    with run() as (process, status):
        said(process, "gps: link mute: nothing has come for 0.3 s or longer")
        found = producer(status, "mute")
        assert found["state"] == "running"
        assert found["link"]["states"]["mute"]["for_s"] >= 0
        while not (text := status()):
            pass
        assert "\ngps has been mute for " in text
        assert ": nothing has come for 0.3 s or longer\n" in text

        adapter.unplug()
        said(process, "gps: link no longer mute, after ")
        said(process, f"gps: link unplugged: {adapter.by_id} is gone: it was unplugged or closed")
        assert producer(status, "unplugged")["state"] == "link lost"

        adapter.plug_in()
        said(process, "gps: link restored, no longer unplugged, after ")
        said(process, "gps: link mute: ")  # nothing was sent
        assert producer(status, "mute")["link"]["entered"] == {"mute": 2, "unplugged": 1}

        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
