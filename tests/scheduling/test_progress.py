"""The stages and attempts of a request, as they are recorded."""

from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import target_at
from tests.parts.upstreams import prepared_for

from anyclaude.dialects import EngineProgress
from anyclaude.scheduling import PreparedRequest, Progress, SkippedBackend

PREPARED = prepared_for(FakeBackend(target_at("http://fake/v1")))
CONTINUATION = prepared_for(FakeBackend(target_at("http://fake/v1")))


def test_a_watcher_sees_every_stage_with_its_request() -> None:
    seen: list[tuple[str, PreparedRequest]] = []
    progress = Progress(lambda stage, request: seen.append((stage, request)))
    progress.queued(PREPARED)
    progress.sending(PREPARED)
    progress.replying(PREPARED)

    assert seen == [("queued", PREPARED), ("evaluating", PREPARED), ("replying", PREPARED)]


def test_an_attempt_that_is_repeated_says_why() -> None:
    seen: list[tuple[str, str]] = []
    progress = Progress()
    progress.watcher = lambda stage, request: seen.append((stage, progress.failure))
    progress.sending(PREPARED)
    progress.failing(PREPARED, "connection refused")

    assert seen == [("evaluating", ""), ("failing", "connection refused")]


def test_what_the_engine_said_of_an_earlier_attempt_is_forgotten() -> None:
    progress = Progress()
    progress.sending(PREPARED)
    progress.engine = lambda: EngineProgress(output_tokens=9)
    progress.sending(PREPARED)

    assert progress.engine() == EngineProgress()


def test_attempts_and_skipped_backends_are_counted() -> None:
    progress = Progress()
    progress.sending(PREPARED)
    progress.skipped(PREPARED, "refused")
    progress.sending(PREPARED)

    assert progress.attempts == 2
    assert progress.skipped_backends == (SkippedBackend("llamacpp", "refused"),)


def test_a_continuation_is_an_attempt_and_does_not_replace_the_request_that_was_sent() -> None:
    progress = Progress()
    progress.sending(PREPARED)
    progress.continuations += 1
    progress.sending(CONTINUATION)

    assert progress.sent is PREPARED
    assert progress.attempts == 2
