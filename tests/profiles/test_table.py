"""Each kind of server is described once, by a consistent profile."""

import pkgutil
from urllib.parse import urlsplit

import pytest

import anyclaude.profiles
from anyclaude.profiles import EMBEDDED, PROFILES, BackendProfile, profile_named

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
by_name = pytest.mark.parametrize("profile", PROFILES, ids=[profile.name for profile in PROFILES])


def test_every_kind_has_a_unique_name_and_a_module_of_that_name() -> None:
    names = [profile.name for profile in PROFILES]
    modules = {module.name for module in pkgutil.iter_modules(anyclaude.profiles.__path__)}

    assert len(set(names)) == len(names)
    assert {name.replace("-", "_") for name in names} == modules - {
        *("amendments", "base", "error_wordings", "server_flags", "table")
    }


def test_detection_tries_the_kinds_in_the_order_of_the_table() -> None:
    local = ["embedded", "llamacpp", "lmstudio", "vllm-mlx", "ollama", "vllm", "sglang", "mlx"]
    order = [*local, "openrouter", "openai", "generic"]

    assert [profile.name for profile in PROFILES if profile.name in order] == order


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"'llama' is not a known kind of server; the kinds are embedded, llamacpp"):
        profile_named("llama")


@by_name
def test_a_profile_is_found_by_its_name(profile: BackendProfile) -> None:
    assert profile_named(profile.name) is profile


@by_name
def test_a_server_is_on_loopback_unless_its_profile_is_remote(profile: BackendProfile) -> None:
    for address in map(urlsplit, profile.usual_urls):
        assert (address.hostname in LOOPBACK) != profile.is_remote
        assert address.scheme == ("https" if profile.is_remote else "http")
        assert address.path.endswith("/v1")


@by_name
def test_the_usual_addresses_of_a_kind_differ(profile: BackendProfile) -> None:
    assert profile.usual_urls[0] == profile.base_url
    assert len(set(profile.usual_urls)) == len(profile.usual_urls)


def test_llama_cpp_is_looked_for_at_the_ports_of_its_newer_and_of_its_older_releases() -> None:
    assert profile_named("llamacpp").usual_urls == ("http://127.0.0.1:9931/v1", "http://127.0.0.1:8080/v1")


def test_only_the_servers_on_the_internet_are_remote() -> None:
    assert [profile.name for profile in PROFILES if profile.is_remote] == ["openrouter", "openai"]


def test_the_servers_that_anyclaude_starts_itself_are_its_own() -> None:
    assert [profile.name for profile in PROFILES if profile.is_own] == ["embedded"]


def test_no_server_is_sent_anthropic_credentials() -> None:
    assert not any((profile.api_key_variable or "").startswith("ANTHROPIC") for profile in PROFILES)


def test_each_server_has_its_own_key_variable_or_none() -> None:
    variables = [profile.api_key_variable for profile in PROFILES if profile.name not in {"embedded", "vllm-mlx"}]

    assert len(set(variables)) == len(variables)
    assert EMBEDDED.api_key_variable is None


@by_name
def test_a_profile_has_both_an_identity_path_and_a_marker_or_neither(profile: BackendProfile) -> None:
    assert (profile.identity_path is None) == (profile.identity_marker == "")
    assert profile.identity_path is None or profile.identity_path.startswith("/")


@by_name
def test_a_server_serves_at_least_one_request_at_a_time(profile: BackendProfile) -> None:
    assert profile.parallel_requests >= 1


@by_name
def test_a_server_without_images_accepts_no_image_urls(profile: BackendProfile) -> None:
    assert profile.accepts_images or not profile.accepts_image_urls


def test_only_servers_with_a_documented_field_get_a_conversation_key() -> None:
    fields = {profile.name: profile.conversation_field for profile in PROFILES if profile.conversation_field}

    assert fields == {"openrouter": "session_id", "openai": "prompt_cache_key"}
