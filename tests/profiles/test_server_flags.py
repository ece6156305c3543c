"""The flags that would help a user's own server: their form, and how a server's answer tells whether it has one."""

import pytest

from anyclaude.profiles import PROFILES, SERVER_FLAGS, FlagState, ServerFlag, flag_state, has_flag
from anyclaude.profiles.server_flags import LLAMACPP_FLAGS, NOT_MEASURED, VLLM_FLAGS, version_numbers

EVERY = [flag for known in SERVER_FLAGS.values() for flag in known.flags]

CACHE_CONFIG = (
    'vllm:cache_config_info{block_size="16",cache_dtype="auto",enable_prefix_caching="True",engine="0",'
    'mamba_cache_dtype="auto"} 1.0\n'
)


def flag(words: str) -> ServerFlag:
    return next(one for one in EVERY if one.words.startswith(words))


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.words)
def test_a_figure_names_the_command_that_measured_it(one: ServerFlag) -> None:
    assert (one.brought == NOT_MEASURED) == (one.command == "")
    assert one.words.startswith("--")
    assert one.helps


def test_flags_are_those_of_kinds_that_a_user_starts() -> None:
    own = {profile.name for profile in PROFILES if not profile.is_remote and not profile.is_own}

    assert SERVER_FLAGS.keys() <= own


@pytest.mark.parametrize(
    ("words", "answer", "state", "value"),
    [
        ("--parallel 4", '{"total_slots": 4}', "set", "4"),
        ("--parallel 4", '{"total_slots":1}', "unset", "1"),
        ("--parallel 4", '{"role": "router"}', "untold", ""),
        ("--spec-type ngram-mod", '[{"id":0,"speculative":false}]', "unset", "false"),
        ("--spec-type ngram-mod", '[{"id":0,"speculative":true}]', "set", "true"),
        ("--spec-type ngram-mod", '[{"prompt": "\\"speculative\\": true"}]', "untold", ""),
        ("--spec-type ngram-mod", None, "untold", ""),
        ("--cache-ram", '{"total_slots": 4}', "untold", ""),
        ("--enable-prefix-caching", CACHE_CONFIG, "set", "True"),
        ("--enable-prefix-caching", CACHE_CONFIG.replace("True", "False"), "unset", "False"),
        ("--kv-cache-dtype", CACHE_CONFIG, "unset", "auto"),
        ("--kv-cache-dtype", CACHE_CONFIG.replace('"auto"', '"fp8"', 1), "set", "fp8"),
        ("--speculative-config", CACHE_CONFIG, "unset", "none"),
        (
            "--speculative-config",
            f'{CACHE_CONFIG}vllm:spec_decode_num_drafts_total{{engine="0"}} 0.0\n',
            "set",
            "vllm:spec_decode_num_drafts",
        ),
    ],
)
def test_a_server_s_answer_tells_whether_it_has_a_flag(
    words: str, answer: str | None, state: FlagState, value: str
) -> None:
    assert flag_state(flag(words), answer) == (state, value)


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("b11669-Debian", (11669,)),
        ("b7895-148833913", (7895,)),
        ("0.32.0+cpu", (0, 32, 0)),
        ("v0.9.1", (0, 9, 1)),
        ("unknown", ()),
        (None, ()),
    ],
)
def test_a_version_is_compared_by_its_numbers(version: str | None, numbers: tuple[int, ...]) -> None:
    assert version_numbers(version) == numbers


def test_a_release_has_the_flags_that_it_is_not_too_old_for() -> None:
    mtp = flag("--spec-type draft-mtp")

    assert [has_flag(mtp, version) for version in ("b9437-1", "b9438-1", "b11669-Debian", None)] == [
        *(False, True, True, True)
    ]
    assert not any(has_flag(one, "b7000-1") for one in LLAMACPP_FLAGS.flags)
    assert not any(has_flag(one, "0.13.2") for one in VLLM_FLAGS.flags)
    assert all(has_flag(one, VLLM_FLAGS.release) for one in VLLM_FLAGS.flags)
