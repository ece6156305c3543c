"""The models that the user named are checked against the server's list."""

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at

from anyclaude.backends import BackendTarget, ServerFacts
from anyclaude.errors import InvalidSetting
from anyclaude.launcher.named_models import NamedModels, named_models, weights_named
from anyclaude.profiles import BackendName

URL = "http://127.0.0.1:1/v1"
FACTS = ServerFacts(models=("qwen3", "Qwen/Qwen3-Coder"), other_names=("gpt-4o", "bge-m3"), default_model="qwen3")


def named(
    name: str | None, kind: BackendName = "vllm", facts: ServerFacts = FACTS, *, is_checked: bool = True, **tiers: str
) -> NamedModels:
    return named_models(name, tiers, target_at(URL, kind), facts, is_checked=is_checked)


@pytest.mark.parametrize(
    ("written", "model"),
    [
        ("qwen3", "qwen3"),
        ("QWEN3[1m]", "qwen3"),
        ("qwen3-coder", "Qwen/Qwen3-Coder"),
        ("gpt-4o", "gpt-4o"),
        ("bge-m3", "bge-m3"),
        ("sonnet", None),
        ("Opus[1M]", None),
        ("claude-sonnet-4-5", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("kind", ["vllm", "llamacpp", "ollama", "generic"])
def test_a_name_of_the_server_has_its_spelling_and_a_word_of_the_client_is_none(
    written: str | None, model: str | None, kind: BackendName
) -> None:
    assert named(written, kind) == NamedModels(model, {})


def test_a_word_of_the_client_is_a_name_where_the_server_has_it() -> None:
    facts = replace(FACTS, models=("sonnet",))

    assert named("sonnet", facts=facts).model == "sonnet"
    assert named("Sonnet[1m]", facts=facts).model == "sonnet"


@pytest.mark.parametrize("kind", ["vllm", "ollama", "lmstudio", "openrouter"])
def test_a_name_that_the_server_cannot_have_is_an_error_that_suggests_others(kind: BackendName) -> None:
    with pytest.raises(
        InvalidSetting,
        match=r"has no model qwen-3 \(--model\)\. Did you mean qwen3.*\? It has qwen3, .* to list them: ",
    ):
        named("qwen-3", kind)


def test_the_error_names_the_setting_and_the_servers_command() -> None:
    with pytest.raises(InvalidSetting, match=r"Ollama at .* has no model tiny \(--haiku-model\).*: ollama list$"):
        named(None, "ollama", haiku="tiny")
    fallback = replace(target_at(URL, "vllm"), is_fallback=True)
    with pytest.raises(InvalidSetting, match=r"\(--fallbacks SERVER#MODEL\)"):
        named_models("tiny", {}, fallback, FACTS, is_checked=True)


def test_a_long_list_is_not_written_out() -> None:
    facts = ServerFacts(models=tuple(f"model-{number}" for number in range(400)))

    with pytest.raises(InvalidSetting, match=r"It has 400 models") as raised:
        named("zzz", facts=facts)

    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("kind", ["generic", "mlx", "openai", "sglang", "llamacpp"])
def test_a_name_that_the_server_may_know_is_used_with_a_note(kind: BackendName) -> None:
    found = named("qwen-3", kind)

    assert found.model == "qwen-3"
    assert len(found.notes) == 1
    assert "qwen3" in found.notes[0]


def test_a_server_that_is_followed_is_not_left_for_a_name_that_it_lacks() -> None:
    found = named("qwen-3", is_checked=False)

    assert (found.model, len(found.notes)) == ("qwen-3", 1)


@pytest.mark.parametrize("kind", ["vllm", "generic", "ollama"])
def test_without_a_list_every_name_is_taken(kind: BackendName) -> None:
    assert named("anything[1m]", kind, ServerFacts(), haiku="tiny") == NamedModels("anything", {"haiku": "tiny"})


@pytest.mark.parametrize(
    ("kind", "written", "listed", "model"),
    [
        ("openrouter", "qwen/qwen3:free", ("qwen/qwen3",), "qwen/qwen3:free"),
        ("openrouter", "@preset/mine", ("qwen/qwen3",), "@preset/mine"),
        ("lmstudio", "qwen3@q4_k_m", ("qwen3",), "qwen3@q4_k_m"),
        ("llamacpp", "org/qwen3-GGUF", ("org/qwen3-GGUF:Q4_K_M",), "org/qwen3-GGUF:Q4_K_M"),
        ("ollama", "qwen3", ("qwen3:latest",), "qwen3:latest"),
    ],
)
def test_variants_of_a_listed_model_are_taken(
    kind: BackendName, written: str, listed: tuple[str, ...], model: str
) -> None:
    assert named(written, kind, ServerFacts(models=listed)) == NamedModels(model, {})


@pytest.mark.parametrize(("kind", "written"), [("openrouter", "qwen/qwen4:free"), ("ollama", "qwen3:9b")])
def test_a_variant_of_another_model_is_not(kind: BackendName, written: str) -> None:
    with pytest.raises(InvalidSetting):
        named(written, kind, ServerFacts(models=("qwen/qwen3", "qwen3:8b")))


def test_a_router_knows_its_models() -> None:
    with pytest.raises(InvalidSetting, match="has no model foo"):
        named("foo", "llamacpp", replace(FACTS, is_router=True))


def test_the_models_of_tiers_are_named_alike_and_words_of_the_client_leave_a_tier_unset() -> None:
    found = named("qwen3", haiku="QWEN3[1m]", opus="opus", subagent="qwen3-coder")

    assert found == NamedModels("qwen3", {"haiku": "qwen3", "subagent": "Qwen/Qwen3-Coder"})


@pytest.mark.parametrize(
    ("model", "weights"), [(None, None), ("sonnet", None), ("claude-opus-5-5", None), ("a/b.gguf[1m]", "a/b.gguf")]
)
def test_a_name_that_only_the_client_knows_is_no_file_of_weights(model: str | None, weights: str | None) -> None:
    assert weights_named(model) == weights


def test_the_address_is_shown_without_secrets() -> None:
    target: BackendTarget = target_at("http://me:secret@127.0.0.1:1/v1?key=secret", "vllm")
    with pytest.raises(InvalidSetting) as raised:
        named_models("x", {}, target, FACTS, is_checked=True)

    assert "secret" not in str(raised.value)
