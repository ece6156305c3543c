"""How texts and values of the file become values of a setting."""

from pathlib import Path

import pytest

from anyclaude.errors import InvalidSetting
from anyclaude.settings import Fallback, setting_named
from anyclaude.settings.convert import from_document, from_text, nearest


def test_a_list_is_separated_by_commas_in_a_text_and_a_list_in_the_file() -> None:
    tools = setting_named("allowed_tools")

    assert from_text(tools, "Bash, mcp__github__*,", "here") == frozenset({"Bash", "mcp__github__*"})
    assert from_document(tools, ["Bash"], "here") == frozenset({"Bash"})


def test_a_fallback_is_a_kind_or_an_address_with_a_model() -> None:
    read = from_text(setting_named("fallbacks"), "ollama#qwen3, http://other:8000/v1", "here")

    assert read == (Fallback("ollama", model="qwen3"), Fallback(url="http://other:8000/v1"))


def test_a_text_is_converted_and_a_value_of_the_file_must_have_the_type() -> None:
    assert from_text(setting_named("port"), "80", "here") == 80
    assert from_text(setting_named("log_dir"), "/x", "here") == Path("/x")
    with pytest.raises(InvalidSetting, match=r"^here: '80' cannot be used: expected `int`"):
        from_document(setting_named("port"), "80", "here")


@pytest.mark.parametrize("mode", ["claude", "embedded", "olama"])
def test_a_fallback_must_be_a_server_with_an_address(mode: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^here: '{mode}' is not one of llamacpp, "):
        from_document(setting_named("fallbacks"), [{"mode": mode}], "here")


def test_an_unknown_name_is_answered_with_the_nearest_or_with_all() -> None:
    assert nearest("prot", ["mode", "port"]) == "; did you mean 'port'?"
    assert nearest("zzz", ["mode", "model"]) == "; the settings are mode, model"


@pytest.mark.parametrize("name", ["model", "allowed_tools", "fallbacks"])
def test_a_value_that_is_no_text_is_refused_unless_it_names_a_file(name: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^here: .* is no text"):
        from_text(setting_named(name), "caf\udce9", "here")

    assert from_text(setting_named("log_dir"), "caf\udce9", "here") == Path("caf\udce9")
