"""Calls of the gateway's own tools are taken out of a reply, however it is split; all else passes."""

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.filters import ServerCalls
from anyclaude.protocol.deltas import Delta, Finished, StopReason, TextDelta, ToolCallDelta

NAMES = frozenset({"web_search"})
TEXT = TextDelta("Let me look.")
END = Finished("tool_use")


def kept(*deltas: Delta) -> tuple[list[Delta], ServerCalls]:
    calls = ServerCalls(NAMES)
    return [passed for delta in deltas for passed in calls.take([delta])], calls


def test_a_call_and_the_end_after_it_are_kept() -> None:
    passed, calls = kept(
        TEXT, ToolCallDelta(0, "web_search", '{"query":'), ToolCallDelta(0, "", '"tides"}', written="<x>"), END
    )

    assert passed == [TEXT]
    assert calls.calls == (ToolCallDelta(0, "web_search", '{"query":"tides"}', "<x>"),)
    assert (calls.finished, calls.has_client_calls) == (END, False)


def test_a_call_of_the_client_passes_and_the_end_waits_for_the_search() -> None:
    look = ToolCallDelta(1, "look", "{}")
    passed, calls = kept(ToolCallDelta(0, "web_search", "{}"), look, END)

    assert passed == [look]
    assert calls.has_client_calls
    assert len(calls.calls) == 1


def test_a_call_whose_name_is_late_waits_for_it() -> None:
    early = [ToolCallDelta(0, "", '{"a"'), ToolCallDelta(1, "", "{")]
    passed, calls = kept(*early, ToolCallDelta(0, "look"), ToolCallDelta(1, "web_search", "}"), END)

    assert passed == [early[0], ToolCallDelta(0, "look")]
    assert [call.arguments for call in calls.calls] == ["{}"]


def test_a_call_that_never_gets_a_name_passes_at_the_end() -> None:
    nameless = ToolCallDelta(0, "", "{}")

    assert kept(nameless, END)[0] == [nameless, END]


def test_a_reply_without_such_a_call_ends_as_it_did() -> None:
    assert kept(TEXT, Finished("end_turn"))[0] == [TEXT, Finished("end_turn")]


def test_of_a_reply_that_was_cut_no_call_is_run() -> None:
    reason: StopReason = "max_tokens"
    passed, calls = kept(ToolCallDelta(0, "web_search", '{"que'), Finished(reason))

    assert passed == [Finished(reason)]
    assert not calls.calls


@given(st.lists(st.sampled_from("abc"), max_size=12), st.booleans())
def test_without_names_everything_passes(texts: list[str], is_called: bool) -> None:
    deltas: list[Delta] = [TextDelta(text) for text in texts]
    deltas += [ToolCallDelta(0, "web_search", "{}")] if is_called else []

    assert ServerCalls().take(deltas) is deltas
