"""`anyclaude --print-env`: what the client would get."""

from tests.parts.command import Command

SECRET = "sk-ant-api03-not-a-real-one"


async def test_every_variable_is_shown_with_its_reason_and_nothing_is_started(command: Command) -> None:
    status, out, _ = await command.ran("--print-env", "-p", ANTHROPIC_API_KEY=SECRET, API_TIMEOUT_MS="5")

    assert status == 0
    assert "ANTHROPIC_MODEL=Qwen/Qwen3-8B  # " in out
    assert "unset ANTHROPIC_API_KEY  # " in out
    assert "API_TIMEOUT_MS=5  # yours" in out
    assert SECRET not in out
    assert '"pid"' not in out
