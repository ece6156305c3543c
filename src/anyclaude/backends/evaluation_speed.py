"""
How fast servers have evaluated prompts, by server and model; kept in a file, so that the next launch knows it.

Only what the engine itself reports is kept, of prompts about as long as first prompts are.  The cost of a token grows
with its position, because it attends to all before it: as long as it grows evenly, the tokens from `cached` to
`cached + tokens` cost on average what the one in their middle costs, and a whole prompt of `2 * cached + tokens` has
the same middle.  So what was evaluated at the end of a prompt tells how long a shorter or a longer one takes.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from msgspec import Struct

from anyclaude.bounded_dict import bounded_key
from anyclaude.storage import LineFile

from .target import BackendTarget

MAX_FILE_BYTES = 64 * 1024
"""Some 500 evaluations: the last hundred of each of a user's models."""

LEAST_TOKENS = 512
"""llama.cpp evaluates 512 tokens at a time (`--ubatch-size`); fewer take longer each, and reports of a few tokens are
mostly overhead."""

LONGEST = 32_768
"""The longest prompt that is remembered, in tokens: `SIMILAR` times the 9,400 of `lean` with Claude Code 2.1.112, which
is the longest that is estimated to choose a diet, and some more."""

SIMILAR = 3.0
"""
How much longer or shorter a prompt may be that an estimate is made from: `minimal` tells about `lean`.

By its operations (two for each weight; in each layer, four for each dimension and each earlier token) a token of a
prompt of 6,000 costs 20 % more than one of 2,000 with Qwen2.5-Coder-0.5B, and 6 % with Qwen2.5-7B.
"""

LATEST = 5
"""The evaluations that an estimate is made from: the median of five is none of a moment in which the machine was
busy, and five launches after a change of the machine it is that of the new one.  Of an even number, the faster of the
two in the middle counts: a diet is made smaller for a reason."""


class Evaluation(Struct, frozen=True):
    """What an engine reported of a prompt: the tokens in its cache, those it evaluated, and in how many seconds."""

    server: str
    model: str
    cached: int
    tokens: int
    seconds: float

    @property
    def length(self) -> int:
        """The tokens of a prompt that costs as much for each token, if nothing of it is in the cache."""
        return 2 * self.cached + self.tokens


class EvaluationSpeeds:
    """The latest evaluations of all servers, in a private file of bounded size."""

    def __init__(self, file: Path) -> None:
        """Describe the file; nothing is read or written."""
        self._file = LineFile(file, Evaluation, MAX_FILE_BYTES)

    def remember(self, target: BackendTarget, model: str, cached: int, tokens: int, seconds: float) -> None:
        """Keep an evaluation if it tells something; a file that cannot be written costs only that."""
        evaluation = Evaluation(_server(target), bounded_key(model), cached, tokens, seconds)
        if tokens >= LEAST_TOKENS and seconds > 0 and evaluation.length <= LONGEST:
            with suppress(OSError):
                self._file.append(evaluation)

    def seconds_for(self, target: BackendTarget, tokens: int) -> float | None:
        """Return how long a prompt of so many tokens may take if nothing of it is cached, `None` if that is unknown."""
        latest = sorted(known.seconds / known.tokens for known in islice(self._similar(target, tokens), LATEST))
        return tokens * latest[(len(latest) - 1) // 2] if latest else None

    def _similar(self, target: BackendTarget, tokens: int) -> Iterator[Evaluation]:
        """Yield what is known of this server and model about prompts of a similar length, newest first."""
        key = (_server(target), bounded_key(target.model))
        for known in self._file.read_newest_first():
            if (known.server, known.model) == key and tokens / SIMILAR <= known.length <= tokens * SIMILAR:
                yield known


def _server(target: BackendTarget) -> str:
    """Return the name of a server; the embedded engine has another port in each launch."""
    return target.profile.name if target.profile.is_own else target.address
