"""A registry that is away, slow, strict or wrong: one sentence each, and the next launch begins anew."""

import gzip
import tarfile
from base64 import b64encode

import pytest
from tests.launcher.client.conftest import BareCommand
from tests.parts.npm_registry import WHOLE, Registry, archive_of, npm_registry

CLIENT_UNAVAILABLE = 127
ON_OTHER_WAYS = ("ANYCLAUDE_CLAUDE_PATH", "`claude` on the PATH")


async def test_a_registry_that_cannot_be_reached_is_named_without_its_credentials(bare: BareCommand) -> None:
    status, _, err = await bare.ran("-p", "exit-0", npm_config_registry="http://me:s3cret@127.0.0.1:9/npm/")

    assert status == CLIENT_UNAVAILABLE
    assert "127.0.0.1:9" in err
    assert "npm config get registry" in err
    assert all(way in err for way in ON_OTHER_WAYS)
    assert "s3cret" not in err


async def test_a_registry_that_never_answers_is_given_up(bare: BareCommand) -> None:
    async with npm_registry() as registry:
        registry.may_answer.clear()
        status, _, err = await bare.installs_from(registry, "-p", "exit-0")
        registry.may_answer.set()

    assert status == CLIENT_UNAVAILABLE
    assert registry.origin.removeprefix("http://") in err
    assert "no answer in time" in err


@pytest.mark.parametrize(
    ("registry", "words"),
    [
        (Registry(versions=("1.0.0",)), "has no @anthropic-ai/claude-code-"),
        (Registry(token="Bearer t"), "status 401"),
        (Registry(description=b"<html>log in</html>"), "does not answer as a registry"),
        (Registry(integrity="md5-abc"), "no digest"),
        (Registry(sent=lambda body: body[:-1] + b"?"), "differs"),
        (Registry(archive=b"no archive"), "is damaged"),
        (Registry(archive=WHOLE[:300]), "is damaged"),
        (Registry(archive=archive_of(("package/readme", b"words"))), "contains no program"),
        (Registry(archive=archive_of(("claude", b"not in a folder"))), "contains no program"),
        (Registry(breaks_off=True), "broke off"),
        (Registry(tarball_host="ftp://elsewhere"), "npm config get registry"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_left(bare: BareCommand, registry: Registry, words: str) -> None:
    async with npm_registry(registry):
        status, _, err = await bare.installs_from(registry, "-p", "exit-0")
    async with npm_registry() as sound:
        later, _, _ = await bare.installs_from(sound, "-p", "exit-7")

    assert status == CLIENT_UNAVAILABLE
    assert words in err
    assert "Traceback" not in err
    assert (later, len(bare.installed())) == (7, 1)


async def test_the_users_registry_and_token_are_used_and_never_shown(bare: BareCommand) -> None:
    async with npm_registry(Registry(token="Bearer s3cret", prefix="/company/npm")) as registry:
        host = registry.origin.removeprefix("http:")
        (bare.home / ".npmrc").write_text(f"registry={registry.url}/\n{host}/company/npm/:_authToken=${{WORD}}\n")
        status, _, err = await bare.ran("-p", "exit-7", WORD="s3cret")

    assert status == 7
    assert "s3cret" not in err


async def test_a_token_does_not_go_to_another_host(bare: BareCommand) -> None:
    async with npm_registry() as elsewhere, npm_registry(Registry(tarball_host=elsewhere.origin)) as registry:
        host = registry.origin.removeprefix("http:")
        (bare.home / ".npmrc").write_text(f"registry={registry.url}/\n{host}/:_authToken=s3cret\n")
        status, _, _ = await bare.ran("-p", "exit-7")

    assert status == 7
    assert registry.requests == [(registry.requests[0][0], "Bearer s3cret")]
    assert elsewhere.requests == [("/-/archive.tgz", None)]


async def test_an_archive_at_the_public_registry_comes_from_the_one_that_is_configured(bare: BareCommand) -> None:
    async with npm_registry(Registry(tarball_host="https://registry.npmjs.org", prefix="/mirror")) as registry:
        status, _, _ = await bare.installs_from(registry, "-p", "exit-7")

    assert status == 7
    assert registry.requests[-1][0] == "/mirror/-/archive.tgz"


async def test_credentials_in_the_address_are_sent_to_the_registry(bare: BareCommand) -> None:
    basic = "Basic " + b64encode(b"me:s3cret").decode()
    async with npm_registry(Registry(token=basic)) as registry:
        url = registry.url.replace("http://", "http://me:s3cret@")
        status, _, err = await bare.ran("-p", "exit-7", npm_config_registry=url)

    assert status == 7
    assert "s3cret" not in err


async def test_an_archive_larger_than_the_disk_is_refused_before_it_is_downloaded(bare: BareCommand) -> None:
    header = tarfile.TarInfo("package/claude")
    header.size = 1 << 60
    async with npm_registry(Registry(archive=gzip.compress(header.tobuf(tarfile.GNU_FORMAT)))) as registry:
        status, _, err = await bare.installs_from(registry, "-p", "exit-0")

    assert status == CLIENT_UNAVAILABLE
    assert "MB left" in err
    assert "Downloading" not in err


async def test_a_project_cannot_say_where_the_program_comes_from(bare: BareCommand) -> None:
    project = bare.home / "project"
    project.mkdir()
    async with npm_registry() as theirs, npm_registry() as ours:
        (bare.home / ".npmrc").write_text(f"registry={ours.url}\n")
        (project / ".npmrc").write_text(f"registry={theirs.url}\n")
        status, _, _ = await BareCommand(project, bare.server).ran("-p", "exit-7", HOME=str(bare.home))

    assert (status, ours.downloads, theirs.requests) == (7, 1, [])
