"""Which hosts are public."""

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import WebToolFailed
from anyclaude.web.guard import PinnedResolver, check_name, checked_addresses, is_public

PUBLIC = ["1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "192.0.1.1"]
PUBLIC += ["2606:4700:4700::1111", "2a00:1450:4001::1", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1", "2002:101:101::1"]

PRIVATE = ["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"]
PRIVATE += ["169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1"]
PRIVATE += ["198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"]
PRIVATE += ["168.63.129.16", "192.88.99.1"]
PRIVATE_V6 = ["::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1"]
PRIVATE_V6 += ["64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:0:4136:e378::", "2001:db8::1"]
PRIVATE_V6 += [
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "4000::1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_internet_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", PRIVATE + PRIVATE_V6)
def test_any_other_address_is_not_whatever_it_has_inside(text: str) -> None:
    assert not is_public(ip_address(text))


@given(address=st.ip_addresses(v=4))
def test_an_address_inside_another_counts_as_it_does_itself(address: object) -> None:
    inner = ip_address(str(address))

    assert is_public(ip_address(f"::ffff:{inner}")) == is_public(inner)
    assert is_public(ip_address(f"64:ff9b::{inner}")) == is_public(inner)


@given(address=st.ip_addresses())
def test_nothing_is_public_that_the_registries_do_not_call_global(address: object) -> None:
    known = ip_address(str(address))

    assert known.is_global or not is_public(known) or is_embedded(known)


def is_embedded(address: object) -> bool:
    text = ip_address(str(address)).exploded
    return text.startswith(("2002:", "0064:ff9b:0000:", "0000:0000:0000:0000:0000:ffff:"))


NAMES = ["localhost", "LOCALHOST.", "a.localhost", "printer", "router.local", "db.internal", "nas.lan", "x.home.arpa"]
NAMES += [
    "pc.tail1234.ts.net",
    "127.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "1.2.3.4.5",
]


@pytest.mark.parametrize("host", NAMES + PRIVATE + PRIVATE_V6)
def test_a_private_host_is_refused_by_its_name(host: str) -> None:
    with pytest.raises(WebToolFailed) as raised:
        check_name(host)

    assert raised.value.code == "url_not_allowed"


@pytest.mark.parametrize(
    "host", ["example.com", "local.example.com", "1.1.1.1", "7f.example", "0x.example", "1and1.com"]
)
def test_a_public_host_is_not(host: str) -> None:
    check_name(host)


class Names:
    """Name servers whose answer may change."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def __call__(self, host: str) -> Sequence[str]:
        """Return the next answer."""
        self.asked.append(host)
        return self._answers.pop(0)


@pytest.mark.parametrize("answer", [["1.1.1.1", "10.0.0.1"], ["2606:4700::1", "::1"], ["fe80::1%eth0"], []])
async def test_one_address_that_is_not_public_is_enough(answer: list[str]) -> None:
    with pytest.raises(WebToolFailed) as raised:
        await checked_addresses("pages.example", Names(answer))

    assert raised.value.code == "url_not_allowed"


async def test_a_host_is_resolved_once_and_the_connection_gets_these_addresses() -> None:
    names = Names(["1.1.1.1", "2606:4700::1"], ["127.0.0.1"])

    resolver = PinnedResolver(await checked_addresses("pages.example", names))
    first, second = await resolver.resolve("pages.example", 443), await resolver.resolve("pages.example", 443)

    assert [(result["host"], result["port"]) for result in first] == [("1.1.1.1", 443), ("2606:4700::1", 443)]
    assert first == second
    assert names.asked == ["pages.example"]


async def test_an_address_is_not_resolved() -> None:
    names = Names()

    assert await checked_addresses("1.1.1.1", names) == (ip_address("1.1.1.1"),)
    assert names.asked == []


async def test_a_name_that_does_not_exist_is_inaccessible() -> None:
    async def no_answer(host: str) -> Sequence[str]:
        raise OSError("Name or service not known")

    with pytest.raises(WebToolFailed, match=r"pages\.example was not found") as raised:
        await checked_addresses("pages.example", no_answer)

    assert raised.value.code == "url_not_accessible"


async def test_what_no_name_server_can_be_asked_is_inaccessible() -> None:
    with pytest.raises(WebToolFailed) as raised:
        await checked_addresses(f"{'a' * 64}.example")

    assert raised.value.code == "url_not_accessible"
