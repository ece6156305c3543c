"""The profile is adapted to the model's own template, as the real engine renders it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from tests.parts.chat_reply import reply, say
from tests.parts.chat_templates import chat_template
from tests.parts.engines import running
from tests.parts.evaluation import Evaluator, evaluating_engine
from tests.parts.gateway import target_at
from tests.parts.null_progress import NullProgress
from tests.parts.raw_backend import raw_backend
from tests.parts.stub_server import stub_server

from anyclaude.backends import BackendTarget, fitted_to_template
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.backends.template_probe import ends_in_thinking, keeps_the_prefix
from anyclaude.dialects import dialect_named
from anyclaude.engine import EngineOptions
from anyclaude.engine.chat_templates import shipped_template
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.engine.gguf import read_metadata
from anyclaude.exchange.prompt_pipeline import prompt_transforms
from anyclaude.launcher.detection import find_target
from anyclaude.launcher.servers import running_servers
from anyclaude.profiles import EMBEDDED, BackendProfile, SystemPrompt, TextAfterResults, profile_named
from anyclaude.profiles.base import EarlierReasoning, MidConversationSystem, ThinkingSwitch, WrittenCalls
from anyclaude.protocol.content import Base64Source, ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.json_values import encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.secret import Secret
from anyclaude.settings import Settings
from anyclaude.transforms import PromptContext, prepare

SETTINGS: list[tuple[str, MidConversationSystem, EarlierReasoning, WrittenCalls]] = [
    ("keeps", "system_message", "drop", "as_text"),
    ("raises", "user_reminder", "drop", "as_text"),
    ("hoists", "user_reminder", "drop", "as_text"),
    ("omits", "user_reminder", "drop", "as_text"),
    ("to_the_last_user", "user_reminder", "drop", "as_text"),
    ("thinks", "system_message", "reasoning_content", "as_text"),
    ("forgets", "system_message", "drop", "as_text"),
    ("pairs", "system_message", "drop", "as_calls"),
    ("looks_back", "system_message", "drop", "as_calls"),
]
"""Each template, and the settings of the profile that fit it."""

KEEPING = [name for name, *_ in SETTINGS if name != "to_the_last_user"]
"""The other template moves the system prompt with every turn, so no encoding keeps the prefix."""


def options(template: str) -> EngineOptions:
    return EngineOptions(context_tokens=4096, threads=1, chat_template=template)


def target_of(engine: EmbeddedEngine) -> BackendTarget:
    key = Secret(engine.api_key)
    return BackendTarget(profile=EMBEDDED, base_url=f"{engine.base_url}/v1", model=engine.model_name, api_key=key)


async def fitted(target: BackendTarget) -> BackendProfile:
    async with open_session() as session:
        return (await fitted_to_template(HttpBackend(session, target))).profile


@asynccontextmanager
async def slow_template_server(answered: int) -> AsyncIterator[BackendTarget]:
    """Run a server that renders the first conversations with nothing but their length, and then no more."""
    async with raw_backend() as server:

        async def answer() -> None:
            for _ in range(answered):
                received = await server.next_request()
                await received.answer(200, encode_json({"prompt": "x" * len(received.body)}))

        answering = asyncio.create_task(answer())
        yield target_at(server.base_url)
        answering.cancel()


@pytest.mark.parametrize("answered", [0, 1, 3])
async def test_a_probe_that_takes_too_long_leaves_the_profile_as_it_is_and_says_so(answered: int) -> None:
    async with slow_template_server(answered) as target:
        fitted_target = await fitted_to_template(StdlibBackend(target), within_seconds=0.2)

    assert fitted_target.profile == target.profile
    assert len(fitted_target.notes) == 1
    assert "chat template" in fitted_target.notes[0]


async def test_a_server_that_shows_no_template_is_no_reason_for_a_note() -> None:
    async with stub_server({}) as server:
        target = target_at(server.base_url)

        assert await fitted_to_template(StdlibBackend(target)) == target


@pytest.mark.parametrize(("name", "instructions", "reasoning", "calls"), SETTINGS)
async def test_the_template_decides_how_instructions_reasoning_and_written_calls_are_sent(
    tiny_model: Path,
    tmp_path: Path,
    name: str,
    instructions: MidConversationSystem,
    reasoning: EarlierReasoning,
    calls: WrittenCalls,
) -> None:
    async with running(tiny_model, tmp_path, options(chat_template(name))) as engine:
        profile = await fitted(target_of(engine))

    settings = {
        "mid_conversation_system": instructions, "earlier_reasoning": reasoning, "written_calls": calls
    }  # fmt: skip
    assert profile == replace(EMBEDDED, **settings, accepts_images=False)


@pytest.mark.parametrize(
    ("name", "switch", "opens"),
    [
        ("switches_thinking", "enable_thinking", True),
        ("switches_at_the_front", "none", False),
        ("always_thinks", "none", True),
        ("keeps", "none", False),
    ],
)
async def test_the_template_decides_how_thinking_is_switched_and_whether_the_prompt_opens_it(
    tiny_model: Path, tmp_path: Path, name: str, switch: ThinkingSwitch, opens: bool
) -> None:
    async with running(tiny_model, tmp_path, options(chat_template(name))) as engine:
        profile = await fitted(target_of(engine))

    assert (profile.thinking_switch, profile.opens_thinking) == (switch, opens)


@pytest.mark.parametrize(
    ("name", "place"),
    [("keeps", "user_message"), ("alternates", "last_result"), ("alternates_and_shortens", "after_assistant")],
)
async def test_the_template_decides_where_text_beside_results_stands(
    tiny_model: Path, tmp_path: Path, name: str, place: TextAfterResults
) -> None:
    async with running(tiny_model, tmp_path, options(chat_template(name))) as engine:
        profile = await fitted(target_of(engine))
        renderings = [await rendered(engine, encoded(length, profile, WITH_TOOLS)) for length in (1, 3, 5)]

    assert profile.text_after_results == place
    assert keeps_the_prefix([one or "" for one in renderings], ["Look around.", "here?", "Be brief.", "And now?"])


@pytest.mark.parametrize(
    ("kept_roles", "status", "place"),
    [
        ({"system", "user", "assistant", "tool"}, 200, "system_message"),
        ({"user", "assistant", "tool"}, 500, "first_user_message"),
        ({"user", "assistant", "tool"}, 200, "first_user_message"),
    ],
    ids=["shown", "refused", "omitted"],
)
async def test_the_template_decides_where_the_system_prompt_stands(
    kept_roles: set[str], status: int, place: SystemPrompt
) -> None:
    async def render(request: web.Request) -> web.Response:
        messages = (await request.json())["messages"]
        kept = [message for message in messages if message["role"] in kept_roles]
        prompt = "".join(f"[{message['role']}]{message['content']}" for message in kept)
        return web.json_response({"prompt": prompt}, status=200 if len(kept) == len(messages) else status)

    application = web.Application()
    application.router.add_post("/apply-template", render)
    async with TestServer(application) as server:
        base_url = f"http://127.0.0.1:{server.port}/v1"
        profile = await fitted(BackendTarget(profile=profile_named("llamacpp"), base_url=base_url, model="m"))

    assert profile.system_prompt == place


@pytest.mark.parametrize("tag", ["<think>", "<thinking>", "[THINK]", "<seed:think>"])
def test_a_prompt_ends_in_thinking_if_nothing_follows_the_tag(tag: str) -> None:
    assert ends_in_thinking(f"assistant\n{tag}\n")
    assert not ends_in_thinking(f"assistant\n{tag}\n\n</think>\n\n")


@pytest.mark.parametrize("template", ["chatml.jinja", "qwen2.5-coder.jinja"])
async def test_the_shipped_templates_accept_instructions_in_mid_conversation_and_calls_in_texts(
    tiny_model: Path, tmp_path: Path, template: str
) -> None:
    async with running(tiny_model, tmp_path, options(shipped_template(template))) as engine:
        profile = await fitted(target_of(engine))

    assert (profile.mid_conversation_system, profile.written_calls) == ("system_message", "as_text")


async def test_qwens_template_accepts_instructions_in_mid_conversation_and_calls_in_texts(
    tiny_model: Path, qwen_model: Path, tmp_path: Path
) -> None:
    async with running(tiny_model, tmp_path, options(read_metadata(qwen_model).chat_template)) as engine:
        profile = await fitted(target_of(engine))

    assert (profile.mid_conversation_system, profile.written_calls) == ("system_message", "as_text")


@pytest.mark.parametrize("name", KEEPING)
async def test_with_the_adapted_profile_every_turn_extends_the_one_before_and_hits_the_engines_cache(
    tiny_model: Path, tmp_path: Path, name: str
) -> None:
    async with talk(tiny_model, tmp_path, chat_template(name)) as (evaluator, profile):
        for length in (2, 5, 8):
            body = msgspec.json.decode(encoded(length, profile), type=dict[str, object])
            await evaluator.evaluate("/v1/chat/completions", body, "talk", reply(say(ANSWERS[length])))

    assert [evaluation.difference for evaluation in evaluator.evaluations] == ["", "", ""]
    assert [evaluation.lost for evaluation in evaluator.evaluations] == [0, 0, 0]
    assert evaluator.evaluations[-1].cached > evaluator.evaluations[1].prompt


@pytest.mark.parametrize("name", ["raises", "hoists", "omits"])
async def test_with_the_other_setting_the_template_fails_or_changes_the_prefix(
    tiny_model: Path, tmp_path: Path, name: str
) -> None:
    async with running(tiny_model, tmp_path, options(chat_template(name))) as engine:
        wrong = replace(await fitted(target_of(engine)), mid_conversation_system="system_message")
        renderings = [await rendered(engine, encoded(length, wrong)) for length in (2, 5, 8)]

    texts = [block.text for turn in TALK for block in turn.content if isinstance(block, TextBlock)]
    assert None in renderings or not keeps_the_prefix([text or "" for text in renderings], texts)


async def test_every_run_probes_its_server_or_its_engine_at_startup(tiny_model: Path, tmp_path: Path) -> None:
    own = Settings(mode="embedded", model=str(tiny_model), context_tokens=4096, log_dir=tmp_path)
    async with running_servers(own, NullProgress(), lambda _: None) as servers:
        (embedded,) = servers.targets
        theirs = Settings(mode="llamacpp", backend_url=embedded.base_url, api_key=embedded.api_key)
        found = await find_target(theirs)

    assert found is not None
    assert embedded.profile == replace(
        EMBEDDED, mid_conversation_system="system_message", written_calls="as_text", accepts_images=False
    )
    assert found.profile == replace(
        profile_named("llamacpp"),
        mid_conversation_system="system_message",
        written_calls="as_text",
        accepts_images=False,
    )


async def test_a_conversation_with_a_picture_goes_on_with_a_model_that_cannot_see(
    tiny_model: Path, tmp_path: Path
) -> None:
    picture = ImageBlock(Base64Source("image/png", "AAAA"))
    request = MessagesRequest(model="m", max_tokens=16, messages=(Turn("user", (picture,)), Turn("user", "And now?")))
    async with running(tiny_model, tmp_path, options(chat_template("keeps"))) as engine:
        profile = await fitted(target_of(engine))
        refused, accepted = [
            await rendered(engine, dialect_named("openai_chat").encode_request(request, "m", each).request.body)
            for each in (EMBEDDED, profile)
        ]

    assert refused is None
    assert accepted is not None
    assert "And now?" in accepted


async def test_a_server_that_does_not_render_keeps_its_profile() -> None:
    async with stub_server({"/props": {}}) as server:
        target = BackendTarget(profile=profile_named("llamacpp"), base_url=server.base_url, model="m")
        profile = await fitted(target)

    assert profile == target.profile


async def test_the_probe_needs_a_single_connection() -> None:
    peers = []

    async def render(request: web.Request) -> web.Response:
        peers.append(request.transport and request.transport.get_extra_info("peername"))
        messages = (await request.json())["messages"]
        prompt = "".join(f"{message.get('reasoning_content')}{message['content']}" for message in messages)
        return web.json_response({"prompt": prompt})

    application = web.Application()
    application.router.add_post("/apply-template", render)
    async with TestServer(application) as server:
        base_url = f"http://127.0.0.1:{server.port}/v1"
        profile = await fitted(BackendTarget(profile=profile_named("llamacpp"), base_url=base_url, model="m"))

    assert (profile.mid_conversation_system, profile.earlier_reasoning) == ("system_message", "reasoning_content")
    assert profile.written_calls == "as_text"
    assert profile.accepts_images
    assert len(peers) > 1
    assert len(set(peers)) == 1


async def test_a_server_without_the_route_is_not_probed() -> None:
    async with stub_server({}) as server:
        await fitted(BackendTarget(profile=profile_named("generic"), base_url=server.base_url, model="m"))

    assert server.requests == []


@pytest.mark.parametrize(
    ("renderings", "keeps"),
    [
        (["[one]", "[one][two]"], True),
        (["[one]", "[two][one]"], False),
        (["[one]", "[one]"], False),
        (["[two]", "[two][one]"], False),
    ],
)
def test_a_prefix_is_kept_if_no_text_moves_and_none_is_lost(renderings: list[str], keeps: bool) -> None:
    assert keeps_the_prefix(renderings, ["one", "two"]) is keeps


TALK = tuple(
    Turn(role, (TextBlock(text),))
    for role, text in (
        ("user", "What is in the garden?"),
        ("system", "The garden is large."),
        ("assistant", "A tree."),
        ("user", "What else?"),
        ("system", "Say it in one word."),
        ("assistant", "Ants."),
        ("system", "The user is in a hurry."),
        ("user", "And the bees?"),
    )
)
ANSWERS = {2: "A tree.", 5: "Ants.", 8: "They sleep."}
"""The reply to the conversation with this number of turns."""


WITH_TOOLS = (
    Turn("user", "What is here?"),
    Turn("assistant", (ToolUseBlock("toolu_1", "Read", {"path": "/garden"}),)),
    Turn("user", (ToolResultBlock("toolu_1", "A tree."), TextBlock("Be brief."))),
    Turn("assistant", "A tree."),
    Turn("user", "And now?"),
)


def encoded(length: int, profile: BackendProfile, turns: tuple[Turn, ...] = TALK) -> bytes:
    """Return the request of the conversation so far, prepared as the gateway does it."""
    request = MessagesRequest(model="m", max_tokens=16, messages=turns[:length], system="Look around.")
    prepared = prepare(request, prompt_transforms(), PromptContext(), lambda _: 0).request
    return dialect_named("openai_chat").encode_request(prepared, "m", profile).request.body


@asynccontextmanager
async def talk(model: Path, folder: Path, template: str) -> AsyncIterator[tuple[Evaluator, BackendProfile]]:
    async with evaluating_engine(model, folder, options(template)) as (evaluator, engine):
        yield evaluator, await fitted(target_of(engine))


class Rendered(msgspec.Struct):
    prompt: str


async def rendered(engine: EmbeddedEngine, body: bytes) -> str | None:
    """Return the rendering of a request, `None` if the template raises."""
    headers = {"Authorization": f"Bearer {engine.api_key}", "Content-Type": "application/json"}
    fields = {**msgspec.json.decode(body, type=dict[str, object]), "add_generation_prompt": False}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{engine.base_url}/apply-template", json=fields) as response,
    ):
        return msgspec.json.decode(await response.read(), type=Rendered).prompt if response.status == 200 else None
