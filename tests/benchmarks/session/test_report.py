"""How the figures become a section of the page, and what is kept of them."""

from pathlib import Path

from benchmarks.session.measures import PlayedSession, PlayedTurn, keep_results, read_results
from benchmarks.session.report import section, write_section
from benchmarks.session.script import Kind
from benchmarks.session.ways import COLD, DIRECT, WARM


def turn(kind: Kind, *, generated: int, seconds: float, ended: float, accepted: int = 0) -> PlayedTurn:
    """Return a turn whose prompt of 1,000 tokens is half cached and takes a second."""
    return PlayedTurn(
        kind=kind,
        prompt_tokens=1_000,
        evaluated_tokens=500,
        evaluation_seconds=1.0,
        generated_tokens=generated,
        generation_seconds=seconds,
        drafted_tokens=2 * accepted,
        accepted_tokens=accepted,
        ended_seconds=ended,
    )


def session(rewriting_seconds: float, client_seconds: float, accepted: int = 0) -> PlayedSession:
    """Return a session of two turns: one that reads, and one that writes 600 tokens."""
    turns = (
        turn("read", generated=30, seconds=2.0, ended=5.0),
        turn("rewrite", generated=600, seconds=rewriting_seconds, ended=client_seconds - 1.0, accepted=accepted),
    )
    return PlayedSession(turns, client_seconds, context_tokens=32_768)


PLAYED: dict[str, PlayedSession] = {
    DIRECT: session(20.0, 60.0),
    WARM: session(10.0, 20.0, accepted=300),
    COLD: session(12.0, 31.0, accepted=300),
}


def test_the_section_has_sums_shares_and_targets() -> None:
    text = section({"a-model": PLAYED}, "a machine")

    assert "| direct | 60 | 100% | 2.0 | 22.0 | 36.0 | 2,000 | 1,000 | 630 | 28.6 |" in text
    assert "| anyclaude, warm | 600 | 10.0 | 60.0 | 2.00 x | 600 | 300 |" in text
    assert "| anyclaude, warm: waiting ≤ 1/3 of direct | 33% | met |" in text
    assert "| anyclaude, cold: waiting ≤ 1/2 of direct | 52% | missed |" in text
    assert "| anyclaude, cold: rewriting ≥ 1.8 x direct, tokens/s | 1.67 x | missed |" in text
    assert "| 2, rewrite | 54.0 | 1,000 | 500 | 1.0 | 600 | 20.0 | 30.0 |  |  |" in text
    assert text.index("| direct | 60") < text.index("| anyclaude, cold | 31") < text.index("| anyclaude, warm | 20")


def test_a_way_alone_has_no_shares_and_no_targets() -> None:
    text = section({"a-model": {WARM: PLAYED[WARM]}}, "a machine")

    assert "| anyclaude, warm | 20 |  | 2.0 |" in text
    assert "of direct |" not in text.partition("Targets:")[2]


def test_results_that_are_kept_are_read_again(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    assert read_results(file) == {}

    keep_results(file, {"a-model": PLAYED})

    assert read_results(file) == {"a-model": PLAYED}


def test_only_the_section_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- session: begin -->\nold\n<!-- session: end -->\nafter\n")

    write_section(page, "new")

    assert page.read_text() == "before\n<!-- session: begin -->\n\nnew\n<!-- session: end -->\nafter\n"
