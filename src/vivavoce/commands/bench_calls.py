"""`vivavoce bench calls`: what calls leave behind in the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.callers import check_connection
from vivavoce.bench.calls import WARM_UP, Calling, CallsReport, Growth, Plan, SocketCalls, drop_calls
from vivavoce.bench.counters import NoCounters
from vivavoce.bench.holdings import CannotLook
from vivavoce.bench.question import spoken_question
from vivavoce.bench.rtc_caller import opus_packets
from vivavoce.bench.rtc_calls import RtcCalls
from vivavoce.bench.sip_calls import SipCalls
from vivavoce.commands.bench_shared import EngineSet, environment, telephone_config, write
from vivavoce.commands.shared import Callee, CommandError, callee, explained, recording
from vivavoce.testing.call import Line
from vivavoce.testing.client import DEFAULT_MODEL
from vivavoce.testing.microphone import FORMATS, Speech

_TOLD_EVERY = 20
_ROOM = 8
"""A call that has just ended takes a session a moment longer, and the next one begins at once."""


def calls(
    engines: Annotated[
        EngineSet,
        typer.Option(
            help="**instant**: real voice detection, the rest takes no time. **local**: the default models, which take "
            "minutes. **configured**: as --config and the environment say."
        ),
    ] = EngineSet.instant,
    cycles: Annotated[int, typer.Option(min=1, help="Calls to make.")] = 200,
    warm_up: Annotated[int, typer.Option(min=0, help="Calls before them that do not count.")] = WARM_UP,
    together: Annotated[int, typer.Option(min=1, help="Calls at a time.")] = 4,
    webrtc: Annotated[bool, typer.Option("--webrtc", help="Call over WebRTC.")] = False,
    sip: Annotated[bool, typer.Option("--sip", help="Call by telephone: SIP over UDP.")] = False,
    wav: Annotated[
        Path | None, typer.Option("--question", metavar="WAV", help="What to say. Default: a spoken question is made.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="A running server of this machine, with --pid.")] = None,
    pid: Annotated[int | None, typer.Option(min=1, help="That server's process.")] = None,
    key: Annotated[str | None, typer.Option(envvar="OPENAI_API_KEY", help="API key for --url.")] = None,
    model: Annotated[str, typer.Option(help="Model to ask for.")] = DEFAULT_MODEL,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file, for --engines configured.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 60.0,
) -> None:
    """Connect, talk and drop, many times, and show what the server still holds afterwards.

    Each call asks a spoken question, sent as fast as the server takes it, and gets an answer. Then its connection is
    cut off in mid-answer, or closed in mid-answer or after it; some are cut off in the question. The server's tasks,
    threads, file descriptors and memory are read before and after, a second after the last call has ended. Linux only.
    With --webrtc a call speaks in real time, and is hung up over HTTP or closed in mid-answer, or is gone without a
    word in mid-question or mid-answer, or never connects after its offer was answered.
    With --sip a telephone is greeted and hangs up, gives up while it rings, is refused, or is gone without a word.
    Models reach their full size only after some 150 calls (--warm-up).

    `vivavoce bench calls`: 200 calls, the server alone

    `vivavoce bench calls --webrtc --warm-up 100 --cycles 100`: calls from browsers, which take real time

    `vivavoce bench calls --sip --cycles 1000 --warm-up 200 --together 20`: telephone calls

    `vivavoce bench calls --engines local --warm-up 150`: the default models too

    `vivavoce bench calls --url ws://127.0.0.1:8700 --pid 4242`: a running server that nobody else calls meanwhile

    Exit status 1 when a call failed, anything but memory was left behind, or more than 5 MB of memory.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        if config and (url or engines is not EngineSet.configured):
            raise CommandError("--config goes with --engines configured, and not with --url.")
        if (url is None) is not (pid is None):
            raise CommandError("--url and --pid go together: the address of a running server, and its process.")
        if sip and (url or config or webrtc or wav):
            raise CommandError("--sip calls a server of its own: no --url, --config, --question, --webrtc with it.")
        said = None if sip else recording(wav) if wav else spoken_question()
        room = environment(engines, together * _ROOM)
        with telephone_config() as (phones, port), callee(url, key, phones if sip else config, errors, room) as server:
            looked_at = server.own.pid if server.own else pid
            assert looked_at is not None
            calling: Calling = SipCalls(server.url, port)
            if said is not None:
                calling = _calling(server, model, timeout, said, webrtc)
            plan = Plan(calling, cycles, together, warm_up)
            found = _measure(plan, url or engines.value, looked_at, errors)
        show(console, found)
        if json:
            write(json, found)
        if not found.good:
            raise typer.Exit(1)


def _calling(server: Callee, model: str, timeout: float, said: Pcm, webrtc: bool) -> Calling:
    """Raises `ClientError` where there is no server."""
    wire = FORMATS["pcm"]
    detection = {"type": "server_vad", "silence_duration_ms": 200}
    line = Line(server.url, server.key, model, wire, detection, timeout=timeout)
    check_connection(line)
    return RtcCalls(line, opus_packets(said)) if webrtc else SocketCalls(line, Speech.of(said, wire))


def _measure(plan: Plan, engines: str, pid: int, errors: Console) -> CallsReport:
    errors.print("Warming up.")
    try:
        return uvloop.run(drop_calls(plan, engines, pid, _teller(errors, plan.cycles)))
    except (CannotLook, NoCounters) as error:
        raise CommandError(str(error)) from None


def _teller(errors: Console, cycles: int) -> Callable[[int], None]:
    def tell(made: int) -> None:
        if made % _TOLD_EVERY == 0:
            errors.print(f"{made:>4} of {cycles}", highlight=False)

    return tell


def show(console: Console, found: CallsReport) -> None:
    """Print it."""
    console.print(
        f"{escape(found.engines)}, {found.cycles} calls, {found.together} at a time, {found.seconds:.1f} s",
        highlight=False,
        soft_wrap=True,
    )
    console.print(holdings_table(found.growth))
    for head, body in _lines(found):
        console.print(f"{head:<15} {body}", highlight=False, soft_wrap=True)


def holdings_table(growth: Sequence[Growth]) -> Table:
    """What a server held before and after."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("the server holds", no_wrap=True)
    for column in ("before", "after", "more", "at most"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in growth:
        table.add_row(each.name, *_row(each), style="" if each.within else "red")
    return table


def _row(growth: Growth) -> Iterator[str]:
    digits = 1 if growth.limit else 0
    yield f"{growth.before:.{digits}f}"
    yield f"{growth.after:.{digits}f}"
    yield f"{growth.more:+.{digits}f}"
    yield f"{growth.limit:.0f}"


def _lines(found: CallsReport) -> Iterator[tuple[str, str]]:
    yield "calls", ", ".join(f"{times} {ending}" for ending, times in found.endings.items())
    yield "failed", f"{found.failed} of {found.cycles}"
    for problem, times in found.problems.items():
        yield "", f"[red]{times} x[/] {escape(problem)}"
