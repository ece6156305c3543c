"""The attribution line is removed, and nothing else."""

from msgspec.structs import replace

from anyclaude.protocol.content import Content, TextBlock
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import PromptContext, WithoutAttribution

LINE = "x-anthropic-billing-header: cc_version=2.1.330.a1b; cc_entrypoint=cli;"
REQUEST = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"),))


def stripped(system: Content) -> Content:
    return WithoutAttribution()(replace(REQUEST, system=system), PromptContext()).system


def test_a_block_with_only_the_attribution_is_removed() -> None:
    assert stripped((TextBlock(LINE), TextBlock("You are…"))) == (TextBlock("You are…"),)


def test_only_the_first_line_of_a_longer_text_is_removed() -> None:
    assert stripped(f"{LINE}\n\n  You are…\n") == "\n  You are…\n"


def test_an_attribution_line_elsewhere_in_the_prompt_stays() -> None:
    system = (TextBlock("You are…"), TextBlock(LINE))

    assert stripped(system) == system


def test_a_prompt_without_attribution_is_returned_as_the_same_object() -> None:
    request = replace(REQUEST, system="You are…")

    assert WithoutAttribution()(request, PromptContext()) is request
