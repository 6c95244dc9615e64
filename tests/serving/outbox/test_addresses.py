"""A webhook goes to public addresses, over https, and to the address that was checked."""

from __future__ import annotations

import pytest

from serving.outbox.addresses import TargetError, resolve_target

PUBLIC = "93.184.216.34"


def names(**addresses):
    """A resolver that knows these names, and takes an address for itself."""

    def resolve(host, port, **_):
        found = addresses.get(host, [host])
        return [(None, None, None, "", (address, port)) for address in found]

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.1.2.3", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "fd00:ec2::254",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address):
    with pytest.raises(TargetError):
        resolve_target(
            "https://crm.example/x", allow_private=False, resolve=names(**{"crm.example": [address]})
        )


@pytest.mark.parametrize(
    "url", ["http://2130706433/", "https://0x7f.1/", "https://localhost/", "https://[::1]/"]
)
def test_other_ways_to_write_this_machine(url):
    with pytest.raises(TargetError):
        resolve_target(url, allow_private=False)


def test_one_private_address_among_public_ones_is_enough():
    resolve = names(**{"crm.example": [PUBLIC, "10.0.0.1"]})
    with pytest.raises(TargetError, match="private"):
        resolve_target("https://crm.example/", allow_private=False, resolve=resolve)


def test_the_connection_is_pinned_to_the_checked_address():
    resolve = names(**{"crm.example": [PUBLIC]})
    target = resolve_target("https://crm.example/hook?a=1", allow_private=False, resolve=resolve)
    assert target.url == f"https://{PUBLIC}:443/hook?a=1"
    assert (target.host, target.authority) == ("crm.example", "crm.example")
    other_port = resolve_target("https://crm.example:8443/", allow_private=False, resolve=resolve)
    assert (other_port.url, other_port.authority) == (f"https://{PUBLIC}:8443/", "crm.example:8443")


@pytest.mark.parametrize(
    "url",
    ["ftp://crm.example/", "file:///etc/passwd", "https://", "crm.example", "https://a:b@crm.example/",
     "https://crm.example:99999/", "https://[half/", "http://crm.example/"],
)  # fmt: skip
def test_urls_that_cannot_be_meant(url):
    with pytest.raises(TargetError) as refused:
        resolve_target(url, allow_private=False, resolve=names(**{"crm.example": [PUBLIC]}))
    assert "a:b" not in str(refused.value)


def test_private_ones_where_they_are_allowed():
    target = resolve_target("http://127.0.0.1:9000/x", allow_private=True)
    assert target.url == "http://127.0.0.1:9000/x"
    with pytest.raises(TargetError, match="https"):
        resolve_target("http://crm.example/", allow_private=True, resolve=names(**{"crm.example": [PUBLIC]}))


def test_a_name_without_an_address():
    def resolve(*_, **__):
        raise OSError("no such name")

    with pytest.raises(TargetError, match="no address"):
        resolve_target("https://crm.example/", allow_private=False, resolve=resolve)
