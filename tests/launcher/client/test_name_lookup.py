"""Names are looked up as the system does it."""

import socket

import pytest

from anyclaude.launcher.client.name_lookup import DaemonResolver


async def test_a_name_has_the_addresses_that_the_system_knows() -> None:
    found = await DaemonResolver().resolve("localhost", 80, socket.AF_INET)

    assert [(one["host"], one["port"], one["hostname"]) for one in found] == [("127.0.0.1", 80, "localhost")]


async def test_a_name_that_does_not_exist_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r".+"):
        await DaemonResolver().resolve("no-such-name.invalid", 80)
