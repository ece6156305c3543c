"""One trial of an engine: it is started with some options, evaluates a prompt of a coding agent, and generates."""

import asyncio
import secrets
import time
from pathlib import Path

import aiohttp
import msgspec
from msgspec import Struct

from anyclaude.errors import EngineFailed

from .embedded import EmbeddedEngine, start_engine
from .options import EngineOptions
from .progress import Progress
from .tuning import Trial

_FUNCTION = '''
def total_{name}(rows, session):
    """Return what the rows have of {name}, all together."""
    found = session.get("{name}", 0)
    return found + sum(row["{name}"] for row in rows)
'''
_NAMES = (
    *("width", "height", "depth", "weight", "price", "colour", "volume", "length"),
    *("area", "speed", "cost", "rate", "share", "count", "angle", "value"),
)
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)  # that of the trial counts


class Workload(Struct, frozen=True):
    """How much an engine has to do in a trial: functions of some 60 tokens to read, and tokens to write."""

    functions: int = 4
    reply_tokens: int = 16

    def scaled(self, seconds: float, allowed_seconds: float) -> "Workload":
        """Return the work that takes about the allowed time, if this one takes `seconds`."""
        share = allowed_seconds / max(seconds, 0.01)
        return Workload(
            max(2, min(len(_NAMES), int(self.functions * share))), max(16, min(128, int(self.reply_tokens * share)))
        )


class _Timings(Struct):
    prompt_per_second: float
    predicted_per_second: float
    predicted_n: int


class _Completion(Struct):
    timings: _Timings


async def try_engine(
    model_file: Path,
    options: EngineOptions,
    work: Workload,
    log_folder: Path,
    progress: Progress,
    *,
    within_seconds: float,
) -> tuple[Trial, float]:
    """
    Return what an engine with these options did, and the seconds of its reply; it is stopped before that.

    One that has not replied `within_seconds` of its start has failed.
    """
    key = secrets.token_urlsafe(24)
    try:
        async with (
            asyncio.timeout(within_seconds),
            start_engine(model_file, log_folder, progress, api_key=key, options=options) as engine,
        ):
            began = time.monotonic()
            completion = await _completion(engine, work)
            seconds = time.monotonic() - began
            window = engine.context_tokens
    except EngineFailed as error:
        return Trial(failure=str(error)), 0.0
    except TimeoutError:
        return Trial(
            failure=f"no reply within {within_seconds:.0f} seconds: it needs more time, or a smaller model"
        ), 0.0
    except (aiohttp.ClientError, msgspec.DecodeError) as error:
        return Trial(failure=f"the engine did not reply: {type(error).__name__} {error}"), 0.0
    timings = completion.timings
    if timings.predicted_n < 2:  # no speed can be told from it
        return Trial(failure="the reply was empty"), 0.0
    return Trial(timings.prompt_per_second, timings.predicted_per_second, window), seconds


async def _completion(engine: EmbeddedEngine, work: Workload) -> _Completion:
    code = "".join(_FUNCTION.format(name=name) for name in _NAMES[: work.functions])
    question = f"```python{code}```\nWrite the whole file again, with `session` renamed to `store`. Only the file."
    body = {
        "messages": [{"role": "user", "content": question}],
        "max_tokens": work.reply_tokens,
        "temperature": 0,
    }
    headers = {"Authorization": f"Bearer {engine.api_key}"}
    async with (
        aiohttp.ClientSession(headers=headers, timeout=_NO_TIMEOUT, raise_for_status=True) as session,
        session.post(f"{engine.base_url}/v1/chat/completions", json=body) as response,
    ):
        return msgspec.json.decode(await response.read(), type=_Completion)
