"""One run of the gateway, from taking the lock to printing the ledger."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gateway.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from gateway.errors import GatewayError
from gateway.log import pour_out, set_up_logging
from gateway.ring.lock import wait_at_most
from gateway.supervisor.assembly import VIEW, Assembly
from gateway.supervisor.desk import Desk
from gateway.supervisor.instance import Instance
from gateway.supervisor.ledger import format_ledger
from gateway.supervisor.notify import ServiceNotifier
from gateway.supervisor.options import Options, probe_outputs
from gateway.supervisor.status import StatusReport, ledger
from gateway.supervisor.supervisor import Outcome, Supervisor
from gateway.workers.plan import Plan

LOCK_PATIENCE_NS = 100 * NS_PER_MS
"""How long the supervisor waits for a lock. They are held for microseconds; whoever holds one for
longer was stopped, and the supervisor is the one who ends that."""


class RunFailed(GatewayError):  # noqa: N818 - the run has, and says why
    """The gateway had to end, or somebody did not stop; the text says who."""


def run_gateway(
    plan: Plan, options: Options, seconds: float | None = None, clock: Clock = SYSTEM_CLOCK
) -> None:
    """Run *plan* until it is stopped or all recordings have ended, then print the ledger.

    Args:
        plan: What to do.
        options: What the command line says.
        seconds: Stop after so many seconds; None: not by itself.
        clock: For everything timed.

    Raises:
        AlreadyRunningError: This configuration is running already.
        ConfigError: The journal cannot be written.
        RunFailed: A process was given up, or had to be killed while stopping.
    """
    config = plan.config
    set_up_logging(options.log_format)
    with Instance(config.gateway.name, config.file) as instance:
        probe_outputs(plan, options)
        with Assembly(plan, options, clock) as assembly, _impatient():
            if assembly.log_pipe is not None:
                set_up_logging(options.log_format, assembly.log_pipe[1])

            def become_child() -> None:
                wait_at_most(None)
                instance.forget()

            supervisor = Supervisor(
                assembly.table,
                assembly.board,
                start=assembly.start,
                stop=assembly.stop,
                clock=clock,
                let_go=assembly.let_go,
                in_child=become_child,
            )
            report = StatusReport(assembly, supervisor.children, clock)
            if instance.listener is not None:
                supervisor.desk = Desk(instance.listener, report.to_json, assembly.orders, clock)
            service = ServiceNotifier(
                supervisor.children, assembly.board, clock, report.line, assembly.stop.is_set
            )
            view = next((each for each in supervisor.children if each.spec.name == VIEW), None)

            def on_turn() -> None:
                report.measure_rates()
                service.turn()
                if assembly.log_pipe is not None and view is not None and view.ended:
                    pour_out(assembly.log_pipe[0])

            supervisor.on_turn = on_turn
            outcome = supervisor.run(seconds)
            if assembly.log_pipe is not None:
                pour_out(assembly.log_pipe[0])
            set_up_logging(options.log_format)
            # Standard output is for programs when alarms are printed there as JSON.
            out = sys.stderr if options.json_to_stdout else sys.stdout
            # Whoever reads it may have gone; how the run went is to be said all the same.
            with suppress(BrokenPipeError):
                print(f"\n{format_ledger(ledger(assembly, ended=True))}", file=out, flush=True)
    _judge(outcome)


@contextmanager
def _impatient() -> Iterator[None]:
    """Wait for no lock that somebody keeps who stands still, while the block lasts."""
    wait_at_most(LOCK_PATIENCE_NS)
    try:
        yield
    finally:
        wait_at_most(None)


def _judge(outcome: Outcome) -> None:
    said = []
    if outcome.failed:
        said.append(f"given up: {', '.join(outcome.failed)}")
    if outcome.killed:
        said.append(f"did not stop in time and had to be killed: {', '.join(outcome.killed)}")
    if said:
        raise RunFailed("; ".join(said))
