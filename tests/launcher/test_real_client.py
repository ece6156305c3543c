"""The whole command with the real Claude Code: nothing in the user's settings bypasses the gateway."""

import json
from pathlib import Path

import pytest
from tests.parts.chat_reply import call, refuse, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, in_turn, one_by_one
from tests.parts.chat_server import chat_server
from tests.parts.claude_code_versions import NATIVE, VERSIONS, installed_client
from tests.parts.launched_command import output_of_anyclaude
from tests.parts.pictures import png
from tests.parts.stub_server import stub_server
from tests.parts.weights import qwen_coder_file, smollm2_file

from anyclaude.cache_report.prompt_store import PromptStore

PATIENCE_SECONDS = 400.0
"""Time limit of a run; a busy machine may take minutes for the thousand tokens of the shortest prompt."""

EVER_THE_SAME = json.dumps({"temperature": 0})
"""A field that the client adds to each request; with sampling, every reply would differ."""

ONE_CLAUSE = json.dumps({"temperature": 0, "stop_sequences": [".", "!", "?", ","]})
"""The same for a model so small that it may repeat itself until its window is full, depending on the prompt."""

SECRET = "sk-ant-api03-not-a-real-one"


async def anyclaude(home: Path, version: str, *words: str, **more: str) -> tuple[int, str, str]:
    """Run the command with a release of the client, in a clean environment; return its status, output and errors."""
    return await output_of_anyclaude(installed_client(version), home, words, more, PATIENCE_SECONDS)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_address_and_keys_in_the_users_settings_do_not_bypass_the_gateway(
    version: str, tmp_path: Path
) -> None:
    (tmp_path / ".claude").mkdir()
    async with stub_server({}) as elsewhere, chat_server(one_by_one(reply(say("All is well.")))) as server:
        environment = {
            "ANTHROPIC_BASE_URL": elsewhere.origin,
            "ANTHROPIC_API_KEY": SECRET,
            "CLAUDE_CODE_USE_BEDROCK": "1",
        }
        settings = {"env": environment, "apiKeyHelper": f"echo {SECRET}", "model": "opus"}
        (tmp_path / ".claude" / "settings.json").write_text(json.dumps(settings))
        status, out, _ = await anyclaude(
            tmp_path, version, "-p", "Say hello", "--backend-url", server.base_url, "--mode", "generic", "--model", "m"
        )

    server.check()
    state = tmp_path / ".anyclaude"
    files = b"".join(file.read_bytes() for file in state.rglob("*") if file.is_file())
    prompts = b"".join(prompt.body for prompt in PromptStore(state / "prompts").prompts())
    assert (status, out.strip()) == (0, "All is well.")
    assert elsewhere.requests == []
    assert b"Say hello" in prompts
    assert SECRET.encode() not in files + prompts


@pytest.mark.parametrize(("mode", "edited"), [(None, "old\n"), ("acceptEdits", "new\n")])
async def test_a_small_window_gets_few_tools_and_files_are_edited_unasked_only_if_the_user_has_said_so(
    tmp_path: Path, mode: str | None, edited: str
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("old\n")
    script = one_by_one(
        reply(call("Read", file_path=str(notes))),
        reply(call("Edit", file_path=str(notes), old_string="old", new_string="new")),
        reply(say("Done.")),
    )
    async with chat_server(script) as server:
        words = ("-p", "Edit the notes", "--backend-url", server.base_url, "--mode", "generic", "--model", "m")
        chosen = {} if mode is None else {"ANYCLAUDE_PERMISSION_MODE": mode}
        status, out, err = await anyclaude(tmp_path, NATIVE, *words, ANYCLAUDE_CONTEXT_TOKENS="8192", **chosen)

    server.check()
    assert (status, out.strip()) == (0, "Done.")
    assert notes.read_text() == edited
    assert err.count("A window of 8,192 tokens is small") == 1
    assert set(server.requests[0].tool_names) == {"Bash", "Read", "Edit"}


@pytest.mark.parametrize(
    ("status_code", "words"),
    [
        (400, "Failed to load image or audio file"),
        (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
        (400, "At most 1 image(s) may be provided in one prompt. (parameter=image)"),
        (400, "Bad Request"),
    ],
)
async def test_a_picture_that_the_server_refuses_does_not_end_the_session(
    tmp_path: Path, status_code: int, words: str
) -> None:
    """The last release in JavaScript does not take pictures out, and ends its turn with the error."""
    picture = tmp_path / "shot.png"
    picture.write_bytes(png())
    conversation = in_turn(reply(call("Read", file_path=str(picture))), reply(say("I could not see it.")))

    def script(request: ChatRequest) -> Answer:
        return refuse(status_code, words) if has_picture(request) else conversation(request)

    async with chat_server(script) as server:
        arguments = ("-p", "Look at the picture", "--backend-url", server.base_url, "--mode", "generic", "--model", "m")
        status, out, _ = await anyclaude(tmp_path, NATIVE, *arguments)

    server.check()
    assert any(has_picture(request) for request in server.requests)
    assert (status, out.strip()) == (0, "I could not see it.")


def has_picture(request: ChatRequest) -> bool:
    return '"image_url"' in json.dumps(request.raw["messages"])


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_embedded_engine_answers_without_any_setup(version: str, tmp_path: Path) -> None:
    words = ("-p", "Say hello", "--output-format", "json", "--mode", "embedded", "--model", str(await smollm2_file()))
    status, out, _ = await anyclaude(tmp_path, version, *words, CLAUDE_CODE_EXTRA_BODY=ONE_CLAUSE)

    answer = json.loads(out)
    assert (status, answer["subtype"], answer["num_turns"]) == (0, "success", 1)
    assert answer["result"].strip()
    assert answer["usage"]["input_tokens"] > 0


async def test_a_real_model_calls_a_tool_gets_its_result_and_answers(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The password is tangerine-42.\n")
    prompt = f"Call the Read tool for the file {tmp_path}/notes.txt, then say what is in it."
    words = ("-p", prompt, "--bare", "--tools", "Read", "--output-format", "stream-json", "--verbose")
    where = ("--mode", "embedded", "--model", str(await qwen_coder_file()))
    status, out, _ = await anyclaude(tmp_path, NATIVE, *words, *where, CLAUDE_CODE_EXTRA_BODY=EVER_THE_SAME)

    said = [event for event in map(json.loads, out.splitlines()) if event["type"] in {"assistant", "user"}]
    blocks = [block for event in said for block in event["message"]["content"]]
    calls = [block for block in blocks if block["type"] == "tool_use"]
    results = [block for block in blocks if block["type"] == "tool_result"]
    assert status == 0
    assert calls[0]["name"] == "Read"
    assert results[0]["tool_use_id"] == calls[0]["id"]
    assert "tangerine-42" in str(results[0]["content"])
    assert blocks[-1]["type"] == "text"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_command_that_needs_no_model_waits_for_no_server(version: str, tmp_path: Path) -> None:
    server = ("--mode", "llamacpp", "--backend-url", "http://127.0.0.1:9")

    listed, servers, _ = await anyclaude(tmp_path, version, *server, "mcp", "list")
    said, number, _ = await anyclaude(tmp_path, version, *server, "-v")

    assert (listed, said) == (0, 0)
    assert "No MCP servers" in servers
    assert version in number
