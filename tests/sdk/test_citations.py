"""Citations, as the official SDK gets them."""

from pathlib import Path

import pytest
from anthropic.types import (
    CitationCharLocation,
    CitationsSearchResultLocation,
    DocumentBlockParam,
    Message,
    MessageParam,
    SearchResultBlockParam,
    TextBlock,
)
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.parts.json_at import at
from tests.sdk.clients import MODEL, SdkSetup, sdk_setup

FACT = "The harbour of Hamburg has four container terminals."
TEXT = f"A guide. {FACT} It rains often."
DOCUMENT: DocumentBlockParam = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": TEXT},
    "title": "Guide",
    "citations": {"enabled": True},
}
FOUND: SearchResultBlockParam = {
    "type": "search_result",
    "source": "guide",
    "title": "Guide",
    "content": [{"type": "text", "text": FACT}],
    "citations": {"enabled": True},
}
ANSWER = f"I looked. {FACT} Shall I go on?"
TELLS = always(reply(say(ANSWER)))


async def ask(
    setup: SdkSetup, source: DocumentBlockParam | SearchResultBlockParam, *later: MessageParam, is_streamed: bool = True
) -> Message:
    question: MessageParam = {"role": "user", "content": [source, {"type": "text", "text": "How many?"}]}
    messages = [question, *later]
    if not is_streamed:
        return await setup.client.messages.create(model=MODEL, max_tokens=99, messages=messages)
    async with setup.client.messages.stream(model=MODEL, max_tokens=99, messages=messages) as stream:
        return await stream.get_final_message()


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_sentence_of_a_document_is_a_cited_block(tmp_path: Path, is_streamed: bool) -> None:
    async with sdk_setup(tmp_path, TELLS) as setup:
        message = await ask(setup, DOCUMENT, is_streamed=is_streamed)

    before, cited, after = message.content
    assert isinstance(before, TextBlock)
    assert isinstance(cited, TextBlock)
    assert isinstance(after, TextBlock)
    assert (before.text, cited.text, after.text) == ("I looked. ", f"{FACT} ", "Shall I go on?")
    assert (before.citations, after.citations) == (None, None)
    assert cited.citations is not None
    (citation,) = cited.citations
    assert isinstance(citation, CitationCharLocation)
    assert (citation.document_index, citation.document_title, citation.cited_text) == (0, "Guide", FACT)
    assert TEXT[citation.start_char_index : citation.end_char_index] == FACT


async def test_a_search_result_is_cited(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, TELLS) as setup:
        message = await ask(setup, FOUND)

    cited = message.content[1]
    assert isinstance(cited, TextBlock)
    assert cited.citations is not None
    assert isinstance(cited.citations[0], CitationsSearchResultLocation)
    assert (cited.citations[0].source, cited.citations[0].cited_text) == ("guide", FACT)


async def test_the_next_turn_sends_the_text_as_the_model_wrote_it(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, TELLS) as setup:
        first = await ask(setup, DOCUMENT)
        await ask(
            setup, DOCUMENT, {"role": "assistant", "content": first.content}, {"role": "user", "content": "Thanks."}
        )
        asked, again = setup.server.requests

    assert again.messages[: len(asked.messages)] == asked.messages
    assert again.messages[len(asked.messages)].text == ANSWER


async def test_without_a_source_the_reply_is_one_block_without_citations(tmp_path: Path) -> None:
    plain: DocumentBlockParam = {"type": "document", "source": DOCUMENT["source"]}
    async with sdk_setup(tmp_path, TELLS) as setup:
        raw = await setup.client.messages.with_raw_response.create(
            model=MODEL, max_tokens=99, messages=[{"role": "user", "content": [plain]}]
        )

    assert at(raw.http_response.json(), "content") == [{"type": "text", "text": ANSWER}]
