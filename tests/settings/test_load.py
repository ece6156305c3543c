"""Which source wins, and which errors and warnings name what."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import InvalidSetting
from anyclaude.network import CaFile, Proxy, Way, parse_address
from anyclaude.profiles import profile_named
from anyclaude.settings import MODES, Fallback, Settings, config_file, load_settings
from anyclaude.timeouts import Timeouts

HOME = {"HOME": "/home/someone"}


def loaded(
    folder: Path, flags: dict[str, str] | None = None, environment: dict[str, str] | None = None, toml: str = ""
) -> Settings:
    file = folder / "config.toml"
    file.write_text(toml)
    return load_settings(flags or {}, {**HOME, **(environment or {})}, file, pytest.fail)


def warnings(folder: Path, environment: dict[str, str] | None = None, toml: str = "") -> tuple[Settings, list[str]]:
    """Load the settings, and return them with the warnings."""
    file = folder / "config.toml"
    file.write_text(toml)
    said: list[str] = []
    return load_settings({}, {**HOME, **(environment or {})}, file, said.append), said


def refusal(
    folder: Path, flags: dict[str, str] | None = None, environment: dict[str, str] | None = None, toml: str = ""
) -> str:
    with pytest.raises(InvalidSetting) as raised:
        loaded(folder, flags, environment, toml)
    return str(raised.value)


def test_proxies_and_certificates_are_those_of_the_environment_and_of_the_settings(tmp_path: Path) -> None:
    variables = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "a.example", "SSL_CERT_FILE": "/etc/ours.pem"}
    settings = loaded(tmp_path, environment=variables)
    own = loaded(tmp_path, environment=variables, toml='ca_file = "~/own.pem"')

    assert settings.network.way_to(parse_address("https://b.example")) == Way(
        proxy=Proxy("proxy", 3128), ca_files=(CaFile("/etc/ours.pem", "SSL_CERT_FILE"),)
    )
    assert settings.network.way_to(parse_address("https://a.example")).proxy is None
    assert own.network.ca_files[0] == CaFile("/home/someone/own.pem", "ANYCLAUDE_CA_FILE")


def test_no_credential_of_an_address_or_a_proxy_is_in_an_error_or_shown(tmp_path: Path) -> None:
    text = refusal(tmp_path, {"backend_url": "http://me:hunter2@host:x/v1?key=hunter2"})
    settings = loaded(tmp_path, environment={"HTTPS_PROXY": "http://me:hunter2@proxy:1"})

    assert "backend_url" in text
    assert "hunter2" not in f"{text}{settings!r}"


def test_a_fallback_may_be_an_address_without_a_scheme(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"fallbacks": "10.0.0.5:8000#m, unix:/run/x.sock, ollama"})

    assert settings.fallbacks == (
        Fallback(url="10.0.0.5:8000", model="m"),
        Fallback(url="unix:/run/x.sock"),
        Fallback("ollama"),
    )


@given(flag=st.booleans(), variable=st.booleans(), key=st.booleans())
def test_flags_win_over_variables_which_win_over_the_file_which_wins_over_the_default(
    tmp_path_factory: pytest.TempPathFactory, flag: bool, variable: bool, key: bool
) -> None:
    settings = loaded(
        tmp_path_factory.mktemp("settings"),
        {"port": "1"} if flag else {},
        {"ANYCLAUDE_PORT": "2"} if variable else {},
        "port = 3" if key else "",
    )

    assert settings.port == (1 if flag else 2 if variable else 3 if key else 49152)


def test_without_a_file_every_setting_has_its_default(tmp_path: Path) -> None:
    settings = load_settings({}, HOME, config_file(tmp_path), pytest.fail)

    assert settings == Settings(log_dir=Path("/home/someone/.anyclaude"))


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert loaded(tmp_path, environment={"ANYCLAUDE_MODE": ""}).mode == "auto"


@pytest.mark.parametrize(("text", "is_on"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_a_boolean_is_a_word_or_a_digit(tmp_path: Path, text: str, is_on: bool) -> None:
    assert loaded(tmp_path, environment={"ANYCLAUDE_PREWARM": text}).prewarm is is_on


def test_every_type_of_value_is_read_from_the_file(tmp_path: Path) -> None:
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
    assert settings.timeouts == Timeouts(stall_seconds=5.0)
    assert settings.claude_path == Path("/home/someone/bin/claude")
    assert settings.cache_dir == Path("/big/disk")
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
        ({"port": "70000"}, {}, "", ("--port", "70000", "a whole number from 0 to 65535")),
        ({"port": "x"}, {}, "", ("--port", "'x'", "int")),
        ({}, {}, 'port = "8080"', ("config.toml", "port", "int")),
        ({}, {"ANYCLAUDE_FIRST_BYTE_SECONDS": "0"}, "", ("ANYCLAUDE_FIRST_BYTE_SECONDS", "'0'", "a number above 0")),
        ({}, {}, "first_byte_seconds = 0", ("config.toml", "first_byte_seconds", "a number above 0")),
        ({"backend_url": "http://[::1"}, {}, "", ("backend_url", "http://[::1]:8080/v1")),
        ({"fallbacks": "http://host:x#m"}, {}, "", ("fallbacks", "port", "http://")),
        ({}, {"ANYCLAUDE_PERMISSION_MODE": "yolo"}, "", ("ANYCLAUDE_PERMISSION_MODE", "yolo", "acceptEdits")),
        ({"fallbacks": "olama"}, {}, "", ("--fallbacks", "'olama'", "ollama")),
        ({"fallbacks": "embedded"}, {}, "", ("--fallbacks", "'embedded'", "ollama")),
        ({}, {}, 'opus_modle = "x"', ("config.toml", "'opus_modle'", "did you mean 'opus_model'")),
        ({}, {}, '[[fallbacks]]\nmdoe = "vllm"', ("fallbacks", "'mdoe'", "did you mean 'mode'")),
        ({}, {}, "= 3", ("config.toml", "TOML")),
        ({}, {}, 'token = "x"', ("token", "ANYCLAUDE_TOKEN")),
    ],
)
def test_an_invalid_value_is_refused_with_its_name_and_the_allowed_values(
    tmp_path: Path, flags: dict[str, str], environment: dict[str, str], toml: str, parts: tuple[str, ...]
) -> None:
    text = refusal(tmp_path, flags, environment, toml)

    assert [part for part in parts if part not in text] == []


def test_a_host_other_than_loopback_requires_a_token(tmp_path: Path) -> None:
    assert "ANYCLAUDE_TOKEN" in refusal(tmp_path, {"host": "0.0.0.0"})
    assert loaded(tmp_path, {"host": "0.0.0.0"}, {"ANYCLAUDE_TOKEN": "t"}).host == "0.0.0.0"


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, environment={"ANYCLAUDE_TOKEN": "s3cret", "ANYCLAUDE_API_KEY": "s3cret", "VLLM_API_KEY": "s3cret"}
    )

    assert "s3cret" not in repr(settings)


def test_the_key_of_the_kind_of_server_is_used_unless_the_run_has_one(tmp_path: Path) -> None:
    own = loaded(tmp_path, environment={"VLLM_API_KEY": "own"})
    both = loaded(tmp_path, environment={"VLLM_API_KEY": "own", "ANYCLAUDE_API_KEY": "set"})
    vllm = profile_named("vllm")

    own_key, set_key = own.key_for(vllm), both.key_for(vllm)
    assert own_key is not None
    assert own_key.reveal() == "own"
    assert set_key is not None
    assert set_key.reveal() == "set"
    assert own.key_for(profile_named("ollama")) is None


def test_web_pages_are_allowed_by_origin_and_none_is_by_default(tmp_path: Path) -> None:
    allowed = loaded(tmp_path, environment={"ANYCLAUDE_ALLOWED_ORIGINS": "https://a.example, http://localhost:3000"})

    assert allowed.allowed_origins == {"https://a.example", "http://localhost:3000"}
    assert loaded(tmp_path).allowed_origins == frozenset()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ALLOWED_ORIGINS", "localhost:3000"),
        ("ALLOWED_ORIGINS", "https://a.example/page"),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_HOSTS", "http://host.docker.internal"),
        ("ALLOWED_HOSTS", "host.docker.internal:8080"),
        ("ALLOWED_ORIGINS", "http://*"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "*.ts.net"),
        ("ALLOWED_HOSTS", "[fd00::1]:8080"),
    ],
)
def test_what_can_be_no_origin_or_no_name_is_refused(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match=name.lower()):
        loaded(tmp_path, environment={f"ANYCLAUDE_{name}": text})


def test_every_page_is_allowed_only_with_a_token(tmp_path: Path) -> None:
    environment = {"ANYCLAUDE_ALLOWED_ORIGINS": "*", "ANYCLAUDE_TOKEN": "t"}

    assert loaded(tmp_path, environment=environment).allowed_origins == {"*"}


def test_names_and_origins_are_kept_as_browsers_send_them(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        environment={
            "ANYCLAUDE_ALLOWED_ORIGINS": "App://Obsidian.md/, https://a.example:443",
            "ANYCLAUDE_ALLOWED_HOSTS": "Host.Docker.Internal., [FD00:0::1], 192.168.1.2, box.tail1234.ts.net",
        },
    )

    assert settings.allowed_origins == {"app://obsidian.md", "https://a.example"}
    assert settings.allowed_hosts == {"host.docker.internal", "fd00::1", "192.168.1.2", "box.tail1234.ts.net"}


def test_an_origin_that_every_page_can_have_is_mentioned_unless_there_is_a_token(tmp_path: Path) -> None:
    environment = {"ANYCLAUDE_ALLOWED_ORIGINS": "null"}

    settings, said = warnings(tmp_path, environment)

    assert settings.allowed_origins == {"null"}
    assert len(said) == 1
    assert "ANYCLAUDE_TOKEN" in said[0]
    assert loaded(tmp_path, environment={**environment, "ANYCLAUDE_TOKEN": "t"}).allowed_origins == {"null"}


def test_a_diet_is_one_of_three(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("old", "new", "text", "value"),
    [
        ("warm_up", "prewarm", "false", False),
        ("kept_state_mib", "slot_snapshots_mib", "7", 7),
        ("kept_prompts", "stored_prompts", "7", 7),
    ],
)
def test_a_former_name_is_accepted_with_one_warning_that_names_the_new_one(
    tmp_path: Path, old: str, new: str, text: str, value: object
) -> None:
    variable, new_variable = f"ANYCLAUDE_{old.upper()}", f"ANYCLAUDE_{new.upper()}"

    from_variable, about_variable = warnings(tmp_path, {variable: text})
    from_file, about_file = warnings(tmp_path, toml=f"{old} = {text}")
    from_both, about_both = warnings(tmp_path, {variable: text}, f"{old} = {text}")

    assert [getattr(settings, new) for settings in (from_variable, from_file, from_both)] == [value] * 3
    assert about_variable == [f"{variable} is now called {new_variable}; please rename it"]
    assert about_file == [f"{tmp_path}/config.toml: {old} is now called {new}; please rename it"]
    assert about_both == about_variable


def test_a_new_name_wins_over_the_former_one_in_the_same_source(tmp_path: Path) -> None:
    by_variables, _ = warnings(tmp_path, {"ANYCLAUDE_PREWARM": "true", "ANYCLAUDE_WARM_UP": "false"})
    by_keys, said = warnings(tmp_path, toml="warm_up = false\nprewarm = true")

    assert by_variables.prewarm
    assert by_keys.prewarm
    assert len(said) == 1


def test_a_former_variable_wins_over_the_file_as_every_variable_does(tmp_path: Path) -> None:
    assert not warnings(tmp_path, {"ANYCLAUDE_WARM_UP": "false"}, "prewarm = true")[0].prewarm


def test_each_time_limit_has_its_own_key_and_the_default_of_the_timeouts(tmp_path: Path) -> None:
    settings = loaded(tmp_path, environment={"ANYCLAUDE_FIRST_BYTE_SECONDS": "5"}, toml="finish_seconds = 6")

    assert settings.timeouts == Timeouts(first_byte_seconds=5.0, finish_seconds=6.0)


def test_an_invalid_value_is_refused_by_the_former_name_that_the_user_wrote(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"ANYCLAUDE_WARM_UP: .*true or false"):
        warnings(tmp_path, {"ANYCLAUDE_WARM_UP": "perhaps"})


FORMER_MODES = [("local", "auto"), ("mlx-lm", "mlx"), ("mlx-textgen", "generic"), ("mlx-cluster", "mlx")]


@pytest.mark.parametrize(("old", "new"), FORMER_MODES)
@pytest.mark.parametrize("spelled", [str, str.upper, str.title])
def test_a_former_mode_is_accepted_with_one_warning_that_names_the_new_one(
    tmp_path: Path, old: str, new: str, spelled: Callable[[str], str]
) -> None:
    word = spelled(old)
    said: list[str] = []

    by_flag = load_settings({"mode": word}, {}, tmp_path / "none.toml", said.append)
    by_variable, about_variable = warnings(tmp_path, {"ANYCLAUDE_MODE": word})
    by_file, about_file = warnings(tmp_path, toml=f'mode = "{word}"')

    assert (by_flag.mode, by_variable.mode, by_file.mode) == (new, new, new)
    assert said == [f"--mode: {word} is now called {new}; please rename it"]
    assert about_variable == [f"ANYCLAUDE_MODE: {word} is now called {new}; please rename it"]
    assert about_file == [f"{tmp_path}/config.toml: mode: {word} is now called {new}; please rename it"]


def test_a_former_mode_that_another_source_overrides_is_not_mentioned(tmp_path: Path) -> None:
    settings, said = warnings(tmp_path, {"ANYCLAUDE_MODE": "vllm"}, 'mode = "local"')

    assert (settings.mode, said) == ("vllm", [])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("spelled", [str, str.upper, str.title])
def test_a_mode_is_read_in_any_case_without_a_warning(tmp_path: Path, mode: str, spelled: Callable[[str], str]) -> None:
    settings, said = warnings(tmp_path, {"ANYCLAUDE_MODE": spelled(mode)})

    assert (settings.mode, said) == (mode, [])


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("olama", "ollama"),
        ("llama.cpp", "llamacpp"),
        ("LM-Studio", "lmstudio"),
        ("vllm_mlx", "vllm-mlx"),
    ],
)
def test_an_unknown_mode_is_refused_with_all_modes_and_the_nearest(tmp_path: Path, word: str, meant: str) -> None:
    text = refusal(tmp_path, {"mode": word}, {}, "")

    assert text == f"--mode: {word!r} is not one of {', '.join(MODES)}; did you mean {meant!r}?"


def test_a_word_like_no_mode_is_refused_without_a_guess(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"mode": "zzz"}, {}, "") == f"--mode: 'zzz' is not one of {', '.join(MODES)}"


def test_a_file_below_a_home_that_is_no_folder_or_not_ours_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("")
    assert load_settings({}, HOME, config_file(tmp_path / "home"), pytest.fail).port == Settings().port

    def refused(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refused)
    assert load_settings({}, HOME, config_file(tmp_path / "not-entered"), pytest.fail).port == Settings().port
    with pytest.raises(InvalidSetting, match=r"config\.toml cannot be read: Permission denied"):
        load_settings({}, HOME, tmp_path / "config.toml", pytest.fail)


def test_a_file_that_is_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()

    with pytest.raises(InvalidSetting, match=r"config\.toml cannot be read: Is a directory"):
        load_settings({}, HOME, tmp_path / "config.toml", pytest.fail)


def test_a_home_folder_of_an_unknown_user_is_named(tmp_path: Path) -> None:
    assert "~nobody-of-this-name" in refusal(tmp_path, environment={"ANYCLAUDE_LOG_DIR": "~nobody-of-this-name/logs"})
