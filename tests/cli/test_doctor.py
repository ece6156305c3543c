"""`anyclaude doctor`: what computes, what would help the servers, and what was learned about them."""

import io
from pathlib import Path

import pytest
from tests.parts.command import Command
from tests.parts.gateway import target_at
from tests.parts.server_documents import LLAMACPP, VLLM
from tests.parts.stub_server import Answer, stub_server

from anyclaude.backends import LearnedAmendments, LearnedFor
from anyclaude.cli.doctor import forget, server_meant, show, show_engine, show_server
from anyclaude.engine.unused_gpus import Gpu, install_command
from anyclaude.launcher.examined_engine import ExaminedEngine
from anyclaude.launcher.examined_servers import ExaminedFlag, ExaminedServer
from anyclaude.profiles import SERVER_FLAGS, Amendment

SERVER = "http://127.0.0.1:8000/v1"
NO_STOP = Amendment("omitted_fields", "stop", "Unsupported parameter: 'stop'")
NO_TOP_P = Amendment("omitted_fields", "top_p", "Unknown parameter: 'top_p'")


@pytest.fixture
def learned() -> LearnedAmendments:
    """Two amendments for one model, and one for a model of another server."""
    learned = LearnedAmendments()
    learned.keep(LearnedFor(SERVER, "qwen", "0.11"), [NO_STOP, NO_TOP_P])
    learned.keep(LearnedFor("http://10.0.0.2/v1", "glm"), [NO_STOP])
    return learned


def shown(learned: LearnedAmendments, server: str | None = None) -> str:
    out = io.StringIO()
    show(learned, server, out)
    return out.getvalue()


def test_it_shows_by_server_and_model_what_was_learned_and_why(learned: LearnedAmendments) -> None:
    assert shown(learned).splitlines() == [
        "http://127.0.0.1:8000/v1 · qwen, version 0.11",
        "  omitted_fields: stop",
        "    because it said: Unsupported parameter: 'stop'",
        "  omitted_fields: top_p",
        "    because it said: Unknown parameter: 'top_p'",
        "http://10.0.0.2/v1 · glm",
        "  omitted_fields: stop",
        "    because it said: Unsupported parameter: 'stop'",
    ]


def test_it_shows_one_server_if_one_is_named(learned: LearnedAmendments) -> None:
    assert "qwen" not in shown(learned, "http://10.0.0.2/v1")


def test_it_says_so_if_nothing_was_learned(learned: LearnedAmendments) -> None:
    assert shown(LearnedAmendments()).startswith("Nothing was learned: ")
    assert shown(learned, "http://10.0.0.3/v1").startswith("Nothing was learned about http://10.0.0.3/v1: ")


@pytest.mark.parametrize("text", [SERVER, "http://127.0.0.1:8000", "127.0.0.1:8000", f"{SERVER}/chat/completions"])
def test_a_server_may_be_named_in_any_way_that_a_setting_may(text: str, learned: LearnedAmendments) -> None:
    assert server_meant(text, learned) == SERVER


def test_the_embedded_engine_has_a_name_in_place_of_an_address(learned: LearnedAmendments) -> None:
    learned.keep(LearnedFor("embedded", "smol"), [NO_STOP])

    assert server_meant("embedded", learned) == "embedded"
    assert server_meant(None, learned) is None


def test_it_forgets_and_says_how_much(learned: LearnedAmendments) -> None:
    out = io.StringIO()
    forget(learned, SERVER, out)
    forget(learned, None, out)

    assert out.getvalue() == "Forgotten: 2 amendments.\nForgotten: 1 amendment.\n"
    assert learned.all() == []


async def test_the_command_reads_the_file_that_the_gateway_writes(command: Command) -> None:
    file = command.home / ".anyclaude" / "learned.jsonl"
    LearnedAmendments(file).keep(LearnedFor(SERVER, "qwen"), [NO_STOP])

    assert "omitted_fields: stop" in (await command.ran("doctor"))[1]
    assert (await command.ran("doctor", "--forget"))[1] == "Forgotten: 1 amendment.\n"
    assert LearnedAmendments(file).all() == []


METRICS = Answer(
    200, 'vllm:cache_config_info{cache_dtype="auto",enable_prefix_caching="True"} 1.0\n', content_type="text/plain"
)


async def test_the_command_shows_what_computes_and_which_flags_would_help_the_server(tmp_path: Path) -> None:
    async with stub_server({**VLLM, "/version": {"version": "0.32.0+cpu"}, "/metrics": METRICS}) as server:
        status, out, err = await Command(tmp_path, server).ran("doctor")

    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("the embedded engine, xllamacpp ")
    assert any(line.startswith("  it computes on the processor (") for line in lines)
    shown = lines.index(f"vLLM at {server.base_url}, version 0.32.0+cpu")
    assert lines[shown + 1] == "  it has --enable-prefix-caching (it reports True)"
    speculation = next(number for number, line in enumerate(lines) if line.startswith("  --speculative-config "))
    assert lines[speculation + 1].endswith("(it reports none)")
    assert lines[speculation + 2] == "    not measured"
    assert lines[-1].startswith("Nothing was learned: ")


async def test_the_command_shows_one_server_alone(command: Command) -> None:
    async with stub_server(LLAMACPP) as server:
        _, of_server, _ = await command.ran("doctor", server.origin)
        _, of_engine, _ = await command.ran("doctor", "embedded")

    assert of_server.startswith(f"llama.cpp at {server.base_url}, version b11549-86a2835\n")
    assert "  it has --parallel (it reports 4)\n" in of_server
    assert "(python -m benchmarks.slots)\n" in of_server
    assert of_engine.startswith("the embedded engine, ")
    assert "vLLM" not in of_server + of_engine
    assert command.server.requests == []


async def test_a_server_that_is_not_there_is_said_and_is_no_failure(command: Command) -> None:
    status, out, err = await command.ran("doctor", "http://127.0.0.1:9")

    assert (status, err) == (0, "")
    assert "nothing listens there" in out


def test_a_card_that_is_not_used_is_shown_with_a_command_that_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu("NVIDIA", "GeForce RTX 3090", has_own_memory=True, build="cu128", needs="a driver")
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")

    show_engine(ExaminedEngine("the engine", ("a fact",), (gpu,)), out)

    assert f"\n    {install_command(gpu)}\n" in out.getvalue()
    assert "NVIDIA GeForce RTX 3090" in out.getvalue()


def test_a_server_of_an_old_or_unknown_release_is_shown_as_such() -> None:
    target = target_at("http://127.0.0.1:1/v1", "llamacpp")
    flag = ExaminedFlag(SERVER_FLAGS["llamacpp"].flags[0], "untold")
    out = io.StringIO()

    show_server(ExaminedServer(target, None, "b11669", (flag,), is_older=True), out)
    show_server(ExaminedServer(target, "1", ""), out)

    assert out.getvalue().splitlines() == [
        "llama.cpp at http://127.0.0.1:1/v1",
        "  it does not tell its version; these are the flags of b11669",
        "  --spec-type ngram-mod",
        f"    helps {flag.flag.helps} (it does not tell what it has)",
        "    not measured",
        "  it is too old for flags of b11669",
        "llama.cpp at http://127.0.0.1:1/v1, version 1",
        "  no flags are known for llama.cpp",
    ]
