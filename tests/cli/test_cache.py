"""`anyclaude cache`."""

from pathlib import Path

from tests.parts.command import Command


def keep(home: Path) -> tuple[Path, Path, Path]:
    """Write a kept state, a stored prompt and a log, and return them."""
    files = (
        home / "cache" / "kept-states" / "a",
        home / ".anyclaude" / "prompts" / "b",
        home / ".anyclaude" / "request-logs" / "c",
    )
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 5_000_000)
    return files


async def test_everything_is_listed_with_its_size_and_place(command: Command) -> None:
    files = keep(command.home)

    status, out, _ = await command.ran("cache", ANYCLAUDE_CACHE_DIR=str(command.home / "cache"))

    assert status == 0
    assert out.count("5 MB") == 3
    assert all(str(file.parent) in out for file in files)
    assert "huggingface" in out


async def test_what_is_named_is_cleared_and_logs_only_if_they_are(command: Command) -> None:
    state, prompt, log = keep(command.home)
    place = str(command.home / "cache")

    assert (await command.ran("cache", "--clear", "prompts", ANYCLAUDE_CACHE_DIR=place))[:2] == (
        0,
        "prompts: 5 MB removed.\n",
    )
    assert (state.exists(), prompt.exists(), log.exists()) == (True, False, True)

    await command.ran("cache", "--clear", ANYCLAUDE_CACHE_DIR=place)
    assert (state.exists(), log.exists()) == (False, True)

    await command.ran("cache", "--clear", "logs", ANYCLAUDE_CACHE_DIR=place)
    assert not log.exists()


async def test_an_unknown_name_is_refused_with_the_known_ones(command: Command) -> None:
    status, out, err = await command.ran("cache", "--clear", "everything")

    assert (status, out) == (2, "")
    assert "states, models, client, prompts" in err
