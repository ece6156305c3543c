"""What a gateway loads and contacts of the web."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, running_gateway
from tests.parts.web_site import saying, web_site

from anyclaude.errors import InvalidSetting
from anyclaude.network import Network
from anyclaude.secret import Secret
from anyclaude.web.options import WebOptions

LOADED = """\
import asyncio, sys
from anyclaude.observability.journal import Journal
from anyclaude.server import GatewayOptions, open_gateway

async def run() -> None:
    async with open_gateway(GatewayOptions(), (), Journal(None)):
        types = {"access", "options", "search"}
        print(*(name for name in sys.modules if name.startswith("anyclaude.web.") and name.split(".")[2] not in types))

asyncio.run(run())
"""


async def test_a_gateway_without_the_web_loads_only_its_types() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LOADED, stdout=PIPE)
    out, _ = await process.communicate()

    assert process.returncode == 0
    assert out.split() == []


async def test_a_gateway_contacts_no_provider_by_itself(tmp_path: Path) -> None:
    async with web_site(saying("{}")) as site:
        web = WebOptions(search=site.url, fetches=True)
        async with running_gateway(tmp_path, options=replace(QUICK, web=web)) as gateway:
            address = gateway.base_url

    assert address.startswith("http://127.0.0.1:")
    assert site.asked == []


async def test_a_provider_that_cannot_be_reached_is_a_wrong_setting(tmp_path: Path) -> None:
    socks = Network(proxies={"all": ("ALL_PROXY", Secret("socks5://127.0.0.1:1"))})
    web = WebOptions(search="brave", search_key=Secret("brave-key-1"), network=socks)

    with pytest.raises(InvalidSetting, match="ALL_PROXY"):
        async with running_gateway(tmp_path, options=replace(QUICK, web=web)):
            pass
