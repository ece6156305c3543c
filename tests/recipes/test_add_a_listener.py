"""A listener is a class with some of the hooks of `ExchangeListener`, and one entry in the gateway's list."""

from pathlib import Path

from tests.parts.gateway import QUICK, target_at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import connected, prompt, request

from anyclaude.exchange import ExchangeBegan, ExchangeEnded, ExchangeListener, ExchangeProgressed
from anyclaude.observability.journal import Journal
from anyclaude.server import open_gateway


class StatusLine(ExchangeListener):
    """Shows the activity of the gateway in one line; an example that needs all three hooks."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def exchange_began(self, event: ExchangeBegan) -> None:
        """Show that a request has arrived."""
        self.lines.append("received")

    def exchange_progressed(self, event: ExchangeProgressed) -> None:
        """Show the stage, and the route of the request."""
        self.lines.append(f"{event.stage} {event.prepared.route}")

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Show how the exchange ended."""
        self.lines.append(f"{event.outcome}, {event.reported.output_tokens} tokens")


async def test_a_listener_follows_an_exchange_from_its_beginning_to_its_end(
    tmp_path: Path, backend: RawBackend
) -> None:
    status, target = StatusLine(), target_at(backend.base_url)
    async with (
        open_gateway(QUICK, (target,), Journal(tmp_path), listeners=[status]) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply("Hello")
        await client.response()

    route = "llamacpp/local-model"
    assert status.lines == [
        "received",
        f"queued {route}",
        f"evaluating {route}",
        f"replying {route}",
        f"ending {route}",
        "completed, 3 tokens",
    ]


async def test_a_refused_request_begins_and_ends_without_progress(tmp_path: Path, backend: RawBackend) -> None:
    status, target = StatusLine(), target_at(backend.base_url)
    async with (
        open_gateway(QUICK, (target,), Journal(tmp_path), listeners=[status]) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.ask("POST", "/v1/messages", b"{")
        await client.ask("GET", "/health")

    assert status.lines == ["received", "refused, None tokens"]
