"""What is measured of a session; all of it can be kept as JSON."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import Struct

from .script import Kind


class PlayedTurn(Struct, frozen=True):
    """
    One turn, by the engine's own counts and times.

    `ended_seconds` is when its reply was complete, in seconds from the start of the client.
    """

    kind: Kind
    prompt_tokens: int
    evaluated_tokens: int
    evaluation_seconds: float
    generated_tokens: int
    generation_seconds: float
    drafted_tokens: int
    accepted_tokens: int
    ended_seconds: float


class PlayedSession(Struct, frozen=True):
    """A session played in one way; `client_seconds` is from the start of the client to its end."""

    turns: tuple[PlayedTurn, ...]
    client_seconds: float
    context_tokens: int

    @property
    def evaluation_seconds(self) -> float:
        """The time in which the engine evaluated prompts."""
        return sum(turn.evaluation_seconds for turn in self.turns)

    @property
    def generation_seconds(self) -> float:
        """The time in which the engine generated replies."""
        return sum(turn.generation_seconds for turn in self.turns)

    def turn_seconds(self) -> Sequence[float]:
        """Return how long each turn took, from the end of the one before, or from the start of the client."""
        ends = [0.0, *(turn.ended_seconds for turn in self.turns)]
        return [end - start for start, end in itertools.pairwise(ends)]

    def of_kind(self, kind: Kind) -> "PlayedSession":
        """Return the session with the turns of one kind only, for their sums."""
        return msgspec.structs.replace(self, turns=tuple(turn for turn in self.turns if turn.kind == kind))

    @property
    def tokens_per_second(self) -> float:
        """The speed of generation; 0 if nothing was generated."""
        generated = sum(turn.generated_tokens for turn in self.turns)
        return generated / self.generation_seconds if generated else 0.0


Results: TypeAlias = dict[str, dict[str, PlayedSession]]
"""The sessions by model and by way."""


def read_results(file: Path) -> Results:
    """Return the results that were kept; none if there is no such file."""
    return msgspec.json.decode(file.read_bytes(), type=Results) if file.exists() else {}


def keep_results(file: Path, results: Results) -> None:
    """Write the results, whole or not at all."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    unfinished.replace(file)
