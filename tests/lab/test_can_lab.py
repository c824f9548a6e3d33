"""The laboratory from outside. Its inside is tested by the tests that run in it."""

import os
import subprocess
from pathlib import Path

import pytest

LAB = Path(__file__).with_name("can-lab")
USERS_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = Path(os.environ.get("CAN_LAB_CACHE") or USERS_CACHE / "can-lab")

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    """Run a command in user-mode Linux, in a folder of its own."""
    if not (CACHE / "uml").exists():
        pytest.skip("the laboratory is not set up yet: `make test-socketcan` does that")

    def lab(*command, **environment):
        return subprocess.run(
            [LAB, "uml", *command],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=100,
        )

    return lab


def test_output_and_exit_status_come_back_from_the_same_folder_and_environment(lab, tmp_path):
    script = 'echo "$PWD" "$WHAT" "$1" "$CAN_LAB"; echo oh >&2; exit 42'
    done = lab("bash", "-c", script, "-", "two  words", WHAT="it's here")
    assert done.stdout.splitlines() == [f"{tmp_path} it's here two  words uml", "oh"]
    assert done.returncode == 42


def test_what_the_command_writes_is_gone_afterwards(lab, tmp_path):
    (tmp_path / "mine").write_text("mine")
    done = lab("bash", "-c", "cat mine; echo new >mine; rm /etc/hosts; touch other; cat mine")
    assert (done.stdout, done.returncode) == ("minenew\n", 0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine").read_text() == "mine"
    assert Path("/etc/hosts").exists()


def test_a_guest_that_hangs_is_ended(lab):
    done = lab("sleep", "600", CAN_LAB_MINUTES="0.1")
    assert done.returncode == 3
    assert "can-lab: the guest ended without a result" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "can-lab KERNEL COMMAND"),
        (["vax", "true"], 3, "got kernel 'vax', expected host, uml, qemu, counted or auto"),
    ],
)
def test_wrong_usage_is_told(arguments, status, message):
    done = subprocess.run([LAB, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert message in done.stderr
