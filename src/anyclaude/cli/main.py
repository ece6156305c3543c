"""The command line: `anyclaude [our flags] [anything for claude]`, `serve`, `prompt --show`, `explain`."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from anyclaude.errors import AnyclaudeError, SetupError
from anyclaude.launcher.client.plan import Invocation
from anyclaude.launcher.launch import launch, print_environment, serve
from anyclaude.launcher.signals import Signals
from anyclaude.launcher.supervise import SIGNAL_STATUS
from anyclaude.launcher.terminal import Terminal
from anyclaude.settings import Settings, config_file, load_settings
from anyclaude.storage import open_private_append

from .command_line import split_command_line
from .explain import explain, list_exchanges
from .prompt import STANDARD_INPUT, show_prompt

try:
    import uvloop
except ImportError:  # there is no uvloop for every platform
    LOOP: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    LOOP = uvloop.new_event_loop

app = typer.Typer(
    name="anyclaude",
    add_completion=False,
    pretty_exceptions_enable=False,  # they would show the values of variables, and secrets are among them
    rich_markup_mode=None,
)

Work: TypeAlias = Callable[[Settings, Signals], Coroutine[None, None, int]]

ModeFlag = Annotated[
    str | None,
    typer.Option(
        "--mode",
        metavar="NAME",
        help="embedded, llamacpp, lmstudio, vllm-mlx, ollama, vllm, openrouter, generic, or claude (Anthropic's own "
        "API, unchanged). Without it: the first server that answers on this machine, else embedded.",
    ),
]
UrlFlag = Annotated[
    str | None, typer.Option("--backend-url", metavar="URL", help="Where the server is, if not at its usual address.")
]
ModelFlag = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="The server's model; embedded: a GGUF file, or ORG/REPO[:QUANT]."),
]
OpusFlag = Annotated[str | None, typer.Option("--opus-model", metavar="NAME", help="The model for `opus`.")]
SonnetFlag = Annotated[str | None, typer.Option("--sonnet-model", metavar="NAME", help="The model for `sonnet`.")]
HaikuFlag = Annotated[str | None, typer.Option("--haiku-model", metavar="NAME", help="The model for `haiku`.")]
SubagentFlag = Annotated[str | None, typer.Option("--subagent-model", metavar="NAME", help="The sub-agents' model.")]
DietFlag = Annotated[
    str | None,
    typer.Option(
        "--diet",
        metavar="NAME",
        help="How much prompt a request carries: full, lean (the usual), or minimal (four tools, the shortest prompt).",
    ),
]
ContextFlag = Annotated[
    str | None, typer.Option("--context-tokens", metavar="N", help="The window, if the server does not tell it.")
]
OutputFlag = Annotated[str | None, typer.Option("--max-output-tokens", metavar="N", help="The longest reply.")]
FallbacksFlag = Annotated[
    str | None,
    typer.Option("--fallbacks", metavar="LIST", help="Servers to ask next: mode-or-url[#model], separated by commas."),
]
HostFlag = Annotated[str | None, typer.Option("--host", metavar="HOST", help="serve: where to listen (127.0.0.1).")]
PortFlag = Annotated[str | None, typer.Option("--port", metavar="PORT", help="serve: the port (49152).")]


@app.callback(invoke_without_command=True)
def start(  # noqa: PLR0913  (one parameter for each flag is how typer learns of them)
    context: typer.Context,
    mode: ModeFlag = None,
    backend_url: UrlFlag = None,
    model: ModelFlag = None,
    opus_model: OpusFlag = None,
    sonnet_model: SonnetFlag = None,
    haiku_model: HaikuFlag = None,
    subagent_model: SubagentFlag = None,
    diet: DietFlag = None,
    context_tokens: ContextFlag = None,
    max_output_tokens: OutputFlag = None,
    fallbacks: FallbacksFlag = None,
    host: HostFlag = None,
    port: PortFlag = None,
    print_env: Annotated[
        bool, typer.Option("--print-env", help="Show every variable the client would get, and why; start nothing.")
    ] = False,
    show_version: Annotated[bool, typer.Option("--version", help="Show anyclaude's version.")] = False,
) -> None:
    """
    Start Claude Code on the models you run yourself.

    Every argument that is not listed here goes to Claude Code as it is; after `--` all of them do.
    """
    if context.invoked_subcommand is not None:
        return
    if show_version:
        typer.echo(f"anyclaude {version('anyclaude')}")
        return
    invocation = _invocation(context)

    def work(settings: Settings, signals: Signals) -> Coroutine[None, None, int]:
        if print_env:
            return print_environment(invocation, settings, sys.stdout)
        return launch(invocation, settings, Terminal(sys.stderr), signals)

    _run(context, invocation, work)


@app.command("serve")
def serve_alone(  # noqa: PLR0913  (one parameter for each flag is how typer learns of them)
    context: typer.Context,
    mode: ModeFlag = None,
    backend_url: UrlFlag = None,
    model: ModelFlag = None,
    opus_model: OpusFlag = None,
    sonnet_model: SonnetFlag = None,
    haiku_model: HaikuFlag = None,
    subagent_model: SubagentFlag = None,
    diet: DietFlag = None,
    context_tokens: ContextFlag = None,
    max_output_tokens: OutputFlag = None,
    fallbacks: FallbacksFlag = None,
    host: HostFlag = None,
    port: PortFlag = None,
) -> None:
    """Run the gateway alone, for any client of the Anthropic Messages API."""
    invocation = _invocation(context)

    async def work(settings: Settings, signals: Signals) -> int:
        try:
            await serve(invocation, settings, Terminal(sys.stderr), sys.stdout)
        except asyncio.CancelledError:
            if signals.received is None:
                raise
        return 0  # a signal is how it is meant to end

    _run(context, invocation, work)


@app.command("prompt")
def show_recorded_prompt(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--show", help="Write it before and after, with figures for each step.")],
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The body of a Messages request; - is standard input.")
    ] = STANDARD_INPUT,
    diet: DietFlag = None,
) -> None:
    """Show what a diet makes of a recorded request: `anyclaude prompt --show [FILE]`."""

    async def work(settings: Settings, signals: Signals) -> int:
        return show_prompt(file, settings, sys.stdout)

    _run(context, _invocation(context), work)


@app.command("explain")
def explain_exchange(
    context: typer.Context,
    request: Annotated[
        str | None, typer.Argument(metavar="REQUEST", help="A request or message id, or how it begins.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", metavar="N", min=1, help="List the last N exchanges instead.")
    ] = None,
) -> None:
    """Say why a turn took so long, the newest one or REQUEST: `anyclaude explain [REQUEST]`."""

    async def work(settings: Settings, signals: Signals) -> int:
        return explain(request, settings, sys.stdout) if last is None else list_exchanges(last, settings, sys.stdout)

    _run(context, _invocation(context), work)


def own_flags() -> dict[str, bool]:
    """Return our flags, and whether each takes a value."""
    command = typer.main.get_command(app)
    named = {name: not getattr(option, "is_flag", False) for option in command.params for name in option.opts}
    return {**named, "--help": False}


def main() -> None:
    """Run the command line, and end the process with its status."""
    try:
        line = split_command_line(sys.argv[1:], own_flags())
    except SetupError as error:
        sys.exit(_told(error))
    ours = line.ours if line.command is None else (line.command, *line.ours)
    app(args=list(ours), obj=line.client, prog_name="anyclaude")


def _invocation(context: typer.Context) -> Invocation:
    client: tuple[str, ...] = context.obj or ()
    return Invocation(client, dict(os.environ), Path.cwd())


def _run(context: typer.Context, invocation: Invocation, work: Work) -> None:
    flags = {name: value for name, value in context.params.items() if isinstance(value, str)}
    raise typer.Exit(_status_of(flags, invocation, work))


def _status_of(flags: Mapping[str, str], invocation: Invocation, work: Work) -> int:
    try:
        settings = load_settings(flags, invocation.environment, config_file(invocation.home))
        _log_to_file(settings.log_dir / "logs")
        with asyncio.Runner(loop_factory=LOOP) as runner:
            return runner.run(_watched(settings, work))
    except AnyclaudeError as error:
        return _told(error)


async def _watched(settings: Settings, work: Work) -> int:
    """Do the work; a signal before or after the client's time cancels it, and everything is taken down in order."""
    signals = Signals(asyncio.get_running_loop())
    task = asyncio.ensure_future(work(settings, signals))

    def cancel(number: signal.Signals) -> None:
        if signals.received is None or number == signal.SIGINT:  # a second Ctrl-C is impatience
            task.cancel()
        signals.note(number)

    with signals.watched(), signals.directed_to(cancel):
        await asyncio.wait((task,))
    if task.cancelled() and signals.received is not None:
        return SIGNAL_STATUS + signals.received
    return task.result()


def _log_to_file(folder: Path) -> None:
    """Send what libraries log to a file: the client owns the terminal."""
    logging.basicConfig(
        stream=os.fdopen(open_private_append(folder / "anyclaude.log"), "a", encoding="utf-8"),
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.captureWarnings(capture=True)


def _told(error: AnyclaudeError) -> int:
    typer.echo(f"anyclaude: {error}", err=True)
    return error.exit_status if isinstance(error, SetupError) else 1
