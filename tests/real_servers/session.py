"""A session of the real Claude Code on a real server: it reads a file, and says what is in it."""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.launched_command import output_of_anyclaude
from tests.parts.weights import qwen_coder_file, tests_cache

from anyclaude.protocol.json_values import JsonObject

from .hugging_face import hugging_face_folder
from .running import gateway_words, running_server
from .servers import RealServer

ANSWER = "tangerine-42"
CONTENT = f"The password is {ANSWER}."

CONTEXT_TOKENS = 8_192
"""Stated in a Hugging Face folder; the session needs two thousand."""

EXTRA_BODY = json.dumps({"temperature": 0.2})
"""A field that the client adds to each request: a small model that is not sampled at all repeats its call for ever."""

PATIENCE_SECONDS = 1_500.0
"""The slowest engine evaluates two tokens per second."""


@dataclass(frozen=True, slots=True)
class Session:
    """What the client did, in order, and how long it took."""

    server: str
    status: int
    blocks: tuple[JsonObject, ...]
    errors: str
    seconds: float

    @property
    def is_complete(self) -> bool:
        """Whether the model called the tool, got the file, and answered."""
        called = any(block["type"] == "tool_use" and block["name"] == "Read" for block in self.blocks)
        read = any(block["type"] == "tool_result" and CONTENT in str(block["content"]) for block in self.blocks)
        return self.status == 0 and called and read and ANSWER in str(self.blocks[-1].get("text"))

    def report(self) -> str:
        """Return the session for a person to read."""
        lines = [f"  {json.dumps(block, ensure_ascii=False)[:300]}" for block in self.blocks]
        outcome = "complete" if self.is_complete else f"NOT complete (status {self.status})\n{self.errors[-2_000:]}"
        return "\n".join([f"{self.server}: {outcome}, {self.seconds:.0f} s", *lines, ""])


async def played_session(server: RealServer, model_file: Path | None, *server_words: str) -> Session:
    """
    Play one session, on a server that is started with `server_words` added.

    `model_file` is a GGUF file, from which a Hugging Face folder is made if the server reads those; without one the
    model is Qwen2.5-Coder-0.5B.
    """
    model = model_file or await qwen_coder_file()
    if server.model_format == "hugging_face":
        model = hugging_face_folder(model, tests_cache() / "models", CONTEXT_TOKENS)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "notes.txt").write_text(f"{CONTENT}\n")
        async with running_server(server, model, home / "server.txt", *server_words) as running:
            began = time.monotonic()
            status, out, errors = await _client(home, *gateway_words(running))
    events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    said = [event for event in events if event["type"] in {"assistant", "user"}]
    blocks = tuple(block for event in said for block in event["message"]["content"])
    return Session(server.name, status, blocks, errors, time.monotonic() - began)


async def _client(home: Path, *words: str) -> tuple[int, str, str]:
    """Run `anyclaude` with the real client, whose prompt is as short as its flags make it, in a clean environment."""
    prompt = f"Read the file {home}/notes.txt and tell me the password that is in it."
    short = ("-p", prompt, "--bare", "--tools", "Read", "--output-format", "stream-json", "--verbose")
    extra = {"CLAUDE_CODE_EXTRA_BODY": EXTRA_BODY}
    return await output_of_anyclaude(installed_client(NATIVE), home, (*short, *words), extra, PATIENCE_SECONDS)
