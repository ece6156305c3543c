"""The sender of a request, according to its headers."""

import pytest

from anyclaude.exchange.caller import caller_of
from anyclaude.scheduling.queue import Priority


def test_claude_code_is_recognised_by_its_session_or_its_user_agent() -> None:
    assert caller_of({"x-claude-code-session-id": "s"}).is_claude_code
    assert caller_of({"User-Agent": "claude-cli/2.1.330 (external, cli)"}).is_claude_code
    assert not caller_of({"User-Agent": "anthropic-python/0.80"}).is_claude_code
    assert not caller_of({}).is_claude_code


def test_interleaved_thinking_is_switched_on_by_a_beta_of_any_date() -> None:
    assert caller_of({"anthropic-beta": "a-1,interleaved-thinking-2025-05-14"}).interleaves_thinking
    assert not caller_of({"anthropic-beta": "a-1"}).interleaves_thinking
    assert not caller_of({}).interleaves_thinking


def test_sub_agents_and_auxiliary_calls_are_separate_conversations() -> None:
    main = caller_of({"x-claude-code-session-id": "s", "x-claude-code-request-class": "main"})
    unlabelled = caller_of({"x-claude-code-session-id": "s"})
    agent = caller_of({"x-claude-code-session-id": "s", "x-claude-code-agent-id": "a1"})
    other_agent = caller_of({"x-claude-code-session-id": "s", "x-claude-code-agent-id": "a2"})
    auxiliary_call = caller_of({"x-claude-code-session-id": "s", "x-claude-code-request-class": "auxiliary"})
    other_session = caller_of({"x-claude-code-session-id": "t"})

    assert main.conversation == unlabelled.conversation
    callers = [main, agent, other_agent, auxiliary_call, other_session]
    assert len({caller.conversation for caller in callers}) == len(callers)


@pytest.mark.parametrize(
    ("headers", "is_subagent"),
    [
        ({"x-claude-code-request-class": "subagent"}, True),
        ({"x-claude-code-agent-id": "a1"}, True),
        ({"x-claude-code-request-class": "main"}, False),
        ({}, False),
    ],
)
def test_a_sub_agent_is_recognised_by_its_class_or_its_id(headers: dict[str, str], is_subagent: bool) -> None:
    assert caller_of(headers).is_subagent == is_subagent


def test_an_unsupported_class_is_unknown() -> None:
    assert caller_of({"x-claude-code-request-class": "compaction"}).request_class == "compaction"
    assert caller_of({"x-claude-code-request-class": "brand-new"}).request_class == "unknown"


def test_a_header_that_is_not_utf_8_can_still_be_encoded() -> None:
    caller = caller_of({"x-claude-code-session-id": b"caf\xc3\xa9 \xff".decode(errors="surrogateescape")})

    assert caller.session == "café \ufffd"
    assert caller.conversation.encode()


def test_a_long_id_is_not_kept_but_stays_different_from_others() -> None:
    one, other = (caller_of({"x-claude-code-session-id": "s" * 8000 + end}) for end in "ab")

    assert one.conversation != other.conversation
    assert max(len(one.conversation), len(other.conversation)) < 300


@pytest.mark.parametrize(
    ("request_class", "priority"),
    [
        ("main", Priority.MAIN),
        ("compaction", Priority.MAIN),
        ("brand-new", Priority.MAIN),
        ("subagent", Priority.SUBAGENT),
        ("workflow", Priority.SUBAGENT),
        ("auxiliary", Priority.AUXILIARY),
    ],
)
def test_the_priority_follows_the_request_class(request_class: str, priority: Priority) -> None:
    assert caller_of({"x-claude-code-request-class": request_class}).priority == priority


def test_the_auxiliary_call_of_a_sub_agent_has_the_priority_of_auxiliary_calls() -> None:
    headers = {"x-claude-code-agent-id": "a1", "x-claude-code-request-class": "auxiliary"}

    assert caller_of(headers).priority == Priority.AUXILIARY


def test_a_client_cannot_send_the_class_of_the_gateway() -> None:
    assert caller_of({"x-claude-code-request-class": "warm_up"}).request_class == "unknown"


def test_turns_and_summaries_of_claude_code_leave_room_for_their_replies() -> None:
    def share(request_class: str, program: str = "claude-cli/2.1.332") -> int:
        return caller_of({"User-Agent": program, "x-claude-code-request-class": request_class}).reply_share

    assert share("main") == share("subagent") == 8
    assert share("compaction") == 16
    assert share("auxiliary") == share("unknown") == share("main", "curl/8") == 0
