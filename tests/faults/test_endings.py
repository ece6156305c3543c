"""Which bytes end a reply, which are an error, and how a repeated chunk is read."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from tests.faults.expected_reply import REPLIES, TEXT
from tests.faults.faults import with_one_part_repeated
from tests.faults.observer import ClientKind, ObservedResponse
from tests.faults.sweep import TIMEOUTS, Case, Tally, running_harness
from tests.parts.faulty_backend import Ending, Framing, Play

REFUSAL = Play((b'{"error":{"message":"no such luck","code":400}}',), status=400, content_type="application/json")


def play(folder: Path, *cases: Case) -> Tally:
    """Play the cases in order, one at a time."""

    async def run() -> Tally:
        async with running_harness(folder, "generic", TIMEOUTS) as harness:
            return await harness.run(cases, max_concurrent=1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


@pytest.mark.parametrize("client", ClientKind, ids=lambda client: client.value)
@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("ends_by", ["reason and mark", "reason", "mark", "nothing"])
def test_only_a_finish_reason_or_the_done_mark_ends_a_reply(
    ends_by: str, name: str, client: ClientKind, tmp_path: Path
) -> None:
    usual = REPLIES[name]
    reply = replace(usual, finish=usual.finish if "reason" in ends_by else None, done="mark" in ends_by)
    broken = "broken" if client.streams else "refused"
    allowed = frozenset({broken if ends_by == "nothing" else "whole"})
    plays = [Play((reply.body(),), framing=framing) for framing in Framing]

    tally = play(tmp_path, *(Case(f"{at}", client, (first, REFUSAL), reply, allowed) for at, first in enumerate(plays)))

    assert not tally.violations, tally.violations[0]


@pytest.mark.parametrize("client", ClientKind, ids=lambda client: client.value)
@pytest.mark.parametrize("name", REPLIES)
def test_a_repeated_chunk_is_passed_on_twice(name: str, client: ClientKind, tmp_path: Path) -> None:
    cases = [
        Case(f"twice {at}", client, (Play(tuple(sent.events())), REFUSAL), understood, frozenset({"whole"}))
        for at, (sent, understood) in enumerate(with_one_part_repeated(REPLIES[name]))
    ]

    tally = play(tmp_path, *cases)

    assert not tally.violations, tally.violations[0]
    assert tally.tried == len(REPLIES[name].parts)


@pytest.mark.parametrize("client", ClientKind, ids=lambda client: client.value)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"error":{"message":"bad","type":"invalid_request_error"}}'),
        (401, b'{"error":"no key"}'),
        (404, b"<html>not here</html>"),
        (413, b""),
        (422, b'{"detail":[{"loc":["body"],"msg":"field required"}]}'),
        (500, b"\xff\xfe no text"),
        (500, b"null"),
        (302, b""),
        (204, b""),
    ],
)
def test_an_error_status_is_reported_in_the_anthropic_shape_whatever_its_body(
    status: int, body: bytes, client: ClientKind, tmp_path: Path
) -> None:
    refusal = Play((body,), status=status, content_type="application/json")

    tally = play(tmp_path, Case("refusal", client, (refusal, refusal), TEXT, frozenset({"refused"})))

    assert not tally.violations, tally.violations[0]


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_temporarily_busy_backend_is_retried_before_the_client_gets_an_error(status: int, tmp_path: Path) -> None:
    busy = Play((b'{"error":{"message":"Loading model","code":503}}',), status=status, headers={"Retry-After": "1"})

    tally = play(tmp_path, Case("busy", ClientKind.CLAUDE_CODE, (busy, busy, busy, TEXT), TEXT, frozenset({"whole"})))

    assert not tally.violations, tally.violations[0]


async def test_a_broken_stream_is_reset_for_claude_code_and_ends_with_an_error_event_for_other_clients(
    tmp_path: Path,
) -> None:
    async def response_for(client: ClientKind) -> ObservedResponse:
        async with running_harness(tmp_path, "generic") as harness:
            return await harness.response_to(
                Case("cut", client, (Play((TEXT.events()[0],), Ending.CLOSED), REFUSAL), TEXT, frozenset({"broken"}))
            )

    to_claude_code, to_another = await response_for(ClientKind.CLAUDE_CODE), await response_for(ClientKind.OTHER)

    assert to_claude_code.was_reset
    assert b"event: error" not in to_claude_code.body
    assert to_another.is_intact
    assert b"event: error" in to_another.body
