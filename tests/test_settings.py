"""What wins over what, and what a wrong value is answered with."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import InvalidSetting
from anyclaude.profiles import profile_named
from anyclaude.settings import Fallback, Settings, config_file, load_settings

HOME = {"HOME": "/home/someone"}


def loaded(
    folder: Path, flags: dict[str, str] | None = None, environment: dict[str, str] | None = None, toml: str = ""
) -> Settings:
    file = folder / "config.toml"
    file.write_text(toml)
    return load_settings(flags or {}, {**HOME, **(environment or {})}, file)


def refusal(
    folder: Path, flags: dict[str, str] | None = None, environment: dict[str, str] | None = None, toml: str = ""
) -> str:
    with pytest.raises(InvalidSetting) as raised:
        loaded(folder, flags, environment, toml)
    return str(raised.value)


@given(flag=st.booleans(), variable=st.booleans(), key=st.booleans())
def test_flags_win_over_variables_win_over_the_file_wins_over_defaults(
    tmp_path_factory: pytest.TempPathFactory, flag: bool, variable: bool, key: bool
) -> None:
    settings = loaded(
        tmp_path_factory.mktemp("settings"),
        {"port": "1"} if flag else {},
        {"ANYCLAUDE_PORT": "2"} if variable else {},
        "port = 3" if key else "",
    )

    assert settings.port == (1 if flag else 2 if variable else 3 if key else 49152)


def test_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    settings = load_settings({}, HOME, config_file(tmp_path))

    assert settings == Settings(log_dir=Path("/home/someone/.anyclaude"))


def test_an_empty_variable_is_no_value(tmp_path: Path) -> None:
    assert loaded(tmp_path, environment={"ANYCLAUDE_MODE": ""}).mode is None


@pytest.mark.parametrize(("text", "is_on"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_a_switch_is_written_as_a_word_or_a_digit(tmp_path: Path, text: str, is_on: bool) -> None:
    assert loaded(tmp_path, environment={"ANYCLAUDE_WARM_UP": text}).warm_up is is_on


def test_every_kind_of_value_is_read_from_the_file(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        toml="""
        mode = "ollama"
        model = "qwen3"
        haiku_model = "small"
        context_tokens = 32768
        stall_seconds = 5
        claude_path = "~/bin/claude"
        cache_dir = "/big/disk"
        [[fallbacks]]
        mode = "vllm"
        url = "http://other:8000/v1"
        model = "big"
        """,
    )

    assert settings.mode == "ollama"
    assert settings.models == {"haiku": "small"}
    assert settings.context_tokens == 32768
    assert settings.stall_seconds == 5.0
    assert settings.claude_path == Path("/home/someone/bin/claude")
    assert settings.cache == Path("/big/disk")
    assert settings.fallbacks == (Fallback("vllm", "http://other:8000/v1", "big"),)


def test_fallbacks_can_be_written_in_one_line(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"fallbacks": "ollama#qwen3, http://other:8000/v1"})

    assert settings.fallbacks == (Fallback("ollama", model="qwen3"), Fallback(url="http://other:8000/v1"))


@pytest.mark.parametrize(
    ("flags", "environment", "toml", "parts"),
    [
        ({"mode": "olama"}, {}, "", ("--mode", "'olama'", "ollama", "embedded")),
        ({}, {"ANYCLAUDE_MODE": "olama"}, "", ("ANYCLAUDE_MODE", "'olama'", "ollama")),
        ({}, {}, 'mode = "olama"', ("config.toml", "mode", "'olama'", "ollama")),
        ({"port": "70000"}, {}, "", ("--port", "70000", "65535")),
        ({"port": "x"}, {}, "", ("--port", "'x'", "int")),
        ({}, {}, 'port = "8080"', ("config.toml", "port", "int")),
        ({"first_byte_seconds": "0"}, {}, "", ("--first-byte-seconds", "0")),
        ({"backend_url": "localhost"}, {}, "", ("localhost", "http://")),
        ({"permission_mode": "yolo"}, {}, "", ("--permission-mode", "yolo", "acceptEdits")),
        ({"fallbacks": "olama"}, {}, "", ("--fallbacks", "'olama'", "ollama")),
        ({}, {}, 'opus_modle = "x"', ("config.toml", "'opus_modle'", "did you mean 'opus_model'")),
        ({}, {}, '[[fallbacks]]\nmdoe = "vllm"', ("fallbacks", "'mdoe'", "did you mean 'mode'")),
        ({}, {}, "= 3", ("config.toml", "TOML")),
        ({}, {}, 'token = "x"', ("token", "ANYCLAUDE_TOKEN")),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_what_is_allowed(
    tmp_path: Path, flags: dict[str, str], environment: dict[str, str], toml: str, parts: tuple[str, ...]
) -> None:
    text = refusal(tmp_path, flags, environment, toml)

    assert [part for part in parts if part not in text] == []


def test_another_host_than_loopback_needs_a_token(tmp_path: Path) -> None:
    assert "ANYCLAUDE_TOKEN" in refusal(tmp_path, {"host": "0.0.0.0"})
    assert loaded(tmp_path, {"host": "0.0.0.0"}, {"ANYCLAUDE_TOKEN": "t"}).host == "0.0.0.0"


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, environment={"ANYCLAUDE_TOKEN": "s3cret", "ANYCLAUDE_API_KEY": "s3cret", "VLLM_API_KEY": "s3cret"}
    )

    assert "s3cret" not in repr(settings)


def test_a_servers_own_key_is_used_unless_one_was_set_for_this_run(tmp_path: Path) -> None:
    own = loaded(tmp_path, environment={"VLLM_API_KEY": "own"})
    both = loaded(tmp_path, environment={"VLLM_API_KEY": "own", "ANYCLAUDE_API_KEY": "set"})
    vllm = profile_named("vllm")

    own_key, set_key = own.key_for(vllm), both.key_for(vllm)
    assert own_key is not None
    assert own_key.reveal() == "own"
    assert set_key is not None
    assert set_key.reveal() == "set"
    assert own.key_for(profile_named("ollama")) is None


def test_web_pages_are_allowed_by_name_and_none_by_default(tmp_path: Path) -> None:
    allowed = loaded(tmp_path, environment={"ANYCLAUDE_ALLOWED_ORIGINS": "https://a.example, http://localhost:3000"})

    assert allowed.allowed_origins == {"https://a.example", "http://localhost:3000"}
    assert loaded(tmp_path).allowed_origins == frozenset()


def test_a_diet_is_one_of_three_and_a_wrong_one_is_told_so(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"diet": "minimal"}, {"ANYCLAUDE_DIET": "full"}).diet == "minimal"
    assert loaded(tmp_path, toml='diet = "full"').diet == "full"
    assert loaded(tmp_path).diet is None
    assert "--diet" in refusal(tmp_path, {"diet": "vegan"})
    assert "full, lean, minimal" in refusal(tmp_path, {"diet": "vegan"})


def test_allowed_tools_are_separated_by_commas_in_a_variable_and_a_list_in_the_file(tmp_path: Path) -> None:
    expected = frozenset({"Bash", "mcp__github__*"})

    assert loaded(tmp_path, environment={"ANYCLAUDE_ALLOWED_TOOLS": "Bash, mcp__github__*"}).allowed_tools == expected
    assert loaded(tmp_path, toml='allowed_tools = ["Bash", "mcp__github__*"]').allowed_tools == expected
    assert loaded(tmp_path).allowed_tools is None
