"""
Coverage-guided fuzzing of every decoder of external bytes, for as long as you like.

    uv run --with atheris python -m benchmarks.fuzz_bytes request -max_total_time=120
    uv run --with atheris python -m benchmarks.fuzz_bytes reply -max_total_time=120
    uv run --with atheris python -m benchmarks.fuzz_bytes refusal -max_total_time=120

All other arguments are libFuzzer's.  The run stops at the first input that is neither accepted nor refused with the
documented error, and writes it to a file.  atheris is not a dependency of the project.
"""

import sys
import tempfile
from pathlib import Path

import atheris  # installed for this command only

with atheris.instrument_imports(include=["anyclaude", "tests.fuzz.decoding"]):
    from tests.fuzz.decoding import refusal_kind, reply_outcome, request_outcome
from tests.faults.expected_reply import REPLIES
from tests.fuzz.strategies import CHUNK, REQUEST, as_json


def fuzz_request(data: bytes) -> None:
    """Decode the bytes as the body of a request."""
    request_outcome(data)


def fuzz_reply(data: bytes) -> None:
    """Decode the bytes after the first as a backend's reply, split at the offset the first byte gives."""
    at = data[0] if data else 0
    reply_outcome([data[1:][:at], data[1:][at:]])


def fuzz_refusal(data: bytes) -> None:
    """Decode the bytes after the first as the body of an error whose status the first byte gives."""
    refusal_kind(400 + (data[0] if data else 0) % 200, data[1:])


TARGETS = {"request": fuzz_request, "reply": fuzz_reply, "refusal": fuzz_refusal}


def seeds(target: str) -> list[bytes]:
    """Return valid inputs to start from."""
    if target == "request":
        return [as_json(REQUEST)]
    if target == "refusal":
        return [b"\0" + as_json({"error": {"message": "too long: 9 tokens > 8 maximum", "type": "x", "code": 400}})]
    bodies = [reply.body() for reply in REPLIES.values()]
    return [b"\x40" + body for body in [*bodies, as_json(CHUNK), b"data: " + as_json(CHUNK) + b"\n\ndata: [DONE]\n\n"]]


def main() -> None:
    """Fuzz the decoder that the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"choose one of {', '.join(TARGETS)}")
    target = sys.argv[1]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(target)):
            (Path(corpus) / f"seed{number}").write_bytes(seed)
        atheris.Setup([sys.argv[0], *sys.argv[2:], corpus], TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
