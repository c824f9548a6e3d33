"""``gateway demo``: the simulated Formula 1 car, watched by the gateway."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources, util
from pathlib import Path

import click

from gateway.cli import options
from gateway.errors import GatewayError, InputError

SIMULATOR_STOP_S = 5.0
BUS = '"f1"'
"""How the files name the bus; a run of the demo gives it a name that no other run has."""
PORT = '"./gps"'
"""How they name the GPS's port. A serial port is not relative to the configuration that names it,
so its whole path is written."""


@click.command("demo")
@options.seconds
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the demo's files into DIR, to start your own from, and exit.",
)
def command(seconds: float | None, save: Path | None) -> None:
    """Watch a simulated Formula 1 car: live values, warnings, and the loss ledger at the end.

    It starts firmware-sim's devices and the gateway against them. Ctrl-C ends it.
    """
    if save is not None:
        _write_files(save, BUS)
        click.echo(f"{save}: wrote car.toml, scenario.toml and f1.dbc; run, in two terminals")
        click.echo(f"    {_call('firmware-sim', 'run', str(save / 'scenario.toml'))}")
        click.echo(f"    {_call('gateway', 'run', str(save / 'car.toml'), '--live')}")
        return
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder:
        _write_files(Path(folder), f'"f1-demo-{os.getpid()}"')
        os.chdir(folder)
        try:
            with _simulator(Path("scenario.toml")) as wait_until_ready:
                # While it starts: both have much to import.
                from gateway.config.load import load_config
                from gateway.supervisor.options import Options
                from gateway.supervisor.run import run_gateway
                from gateway.workers.plan import make_plan

                plan = make_plan(load_config("car.toml"))
                wait_until_ready()
                run_gateway(plan, Options(view="live"), seconds)
        finally:
            os.chdir(before)


def _call(program: str, *arguments: str) -> str:
    """Return what to type: *program* with its folder where the shell would find another or none."""
    beside, found = Path(sys.argv[0]).with_name(program), shutil.which(program)
    if beside.exists() and not (found and beside.samefile(found)):
        program = str(beside)
    return shlex.join([program, *arguments])


def _write_files(folder: Path, bus: str) -> None:
    """Write the demo's files into *folder*.

    Raises:
        InputError: One of them is there already and says something else: somebody's own work.
        GatewayError: They cannot be written.
    """
    port = json.dumps(str(folder.resolve() / "gps"))  # a JSON string is one of TOML's
    files = {"f1.dbc": (_simulator_folder() / "data" / "f1.dbc").read_bytes()}
    for name in ("car.toml", "scenario.toml"):
        text = resources.files("gateway.demo").joinpath(name).read_text()
        files[name] = text.replace(BUS, bus).replace(PORT, port).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            if (folder / name).exists() and (folder / name).read_bytes() != content:
                expected = "no such file, or the demo's own; --save does not overwrite"
                raise InputError(folder / name, "", "a file that was changed", expected)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise GatewayError(f"{folder}: {error.strerror}") from None


def _simulator_folder() -> Path:
    # Looked for, not imported: the gateway and the simulator know each other by command alone.
    spec = util.find_spec("firmware_sim")
    if spec is None or not spec.submodule_search_locations:
        raise GatewayError("the simulator, firmware_sim, is not installed")
    return Path(spec.submodule_search_locations[0])


@contextmanager
def _simulator(scenario: Path) -> Iterator[Callable[[], None]]:
    """Run the simulated devices; what is yielded waits until they are there."""
    ready, told = os.pipe()
    process = subprocess.Popen(  # noqa: S603 - our own package, by our own interpreter
        [
            *(sys.executable, "-m", "firmware_sim", "run", str(scenario)),
            *("--ready-fd", str(told), "--die-with-parent"),
        ],
        pass_fds=[told],
        stdout=subprocess.DEVNULL,
        # A group of its own: Ctrl-C is the gateway's, which ends before its devices go away.
        process_group=0,
    )
    os.close(told)

    def wait_until_ready() -> None:
        with open(ready, "rb") as announcement:
            if not announcement.read():
                raise GatewayError(f"firmware-sim ended with status {process.wait()}")

    try:
        yield wait_until_ready
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SIMULATOR_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
