"""Recording the first prompt of each session."""

from pathlib import Path

from msgspec.structs import replace
from tests.parts.exchange_events import MAIN, ended
from tests.parts.sessions import first_request

from anyclaude.prewarm import LaunchKey
from anyclaude.prewarm.first_prompt_recorder import MAX_SESSIONS, FirstPromptRecorder
from anyclaude.prewarm.first_prompt_store import FirstPromptStore
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.messages_request import decode_request

GARDEN = LaunchKey("/garden")
FIRST = decode_request(first_request("Pull the weeds", system="first"))
SECOND = decode_request(first_request("Pull the weeds", system="second"))


async def record_sessions(folder: Path, *systems_and_sessions: tuple[str, str]) -> None:
    """Record one exchange for each pair of instructions and session."""
    store = FirstPromptStore(folder)
    recorder = FirstPromptRecorder(store, GARDEN)
    for system, session in systems_and_sessions:
        event = ended(decode_request(first_request("Pull the weeds", system=system)))
        recorder.exchange_ended(replace(event, caller=replace(MAIN, session=session)))
        await recorder.stop()


async def test_the_first_request_of_each_session_replaces_the_previous_record(tmp_path: Path) -> None:
    await record_sessions(tmp_path, ("first", "one"), ("second", "one"), ("third", "two"))
    latest = FirstPromptStore(tmp_path).latest()

    assert latest is not None
    assert b'"third"' in bytes(latest.request)
    assert b'"second"' not in bytes(latest.request)


async def test_the_engines_count_of_the_prompt_is_recorded(tmp_path: Path) -> None:
    store = FirstPromptStore(tmp_path)
    recorder = FirstPromptRecorder(store, GARDEN)
    recorder.exchange_ended(replace(ended(FIRST), reported=UsageReported(input_tokens=4_931)))
    await recorder.stop()
    latest = store.latest()

    assert latest is not None
    assert latest.tokens == 4_931


async def test_exchanges_without_a_request_a_session_or_tools_are_not_recorded(tmp_path: Path) -> None:
    store = FirstPromptStore(tmp_path)
    recorder = FirstPromptRecorder(store, GARDEN)
    event = ended(FIRST)
    recorder.exchange_ended(ended(None))
    recorder.exchange_ended(replace(event, caller=replace(MAIN, session=None)))
    recorder.exchange_ended(replace(event, caller=replace(MAIN, agent="a1")))
    recorder.exchange_ended(ended(replace(FIRST, tools=())))
    await recorder.stop()

    assert store.latest() is None


async def test_the_number_of_remembered_sessions_is_bounded(tmp_path: Path) -> None:
    without_tools = decode_request(first_request("Pull the weeds"))
    recorder = FirstPromptRecorder(FirstPromptStore(tmp_path), GARDEN)
    event = ended(replace(without_tools, messages=(*without_tools.messages, *SECOND.messages)))
    for number in range(MAX_SESSIONS + 1):
        recorder.exchange_ended(replace(event, caller=replace(MAIN, session=str(number))))
    await recorder.stop()

    assert len(recorder._begun) == MAX_SESSIONS
