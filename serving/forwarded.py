"""Who asks where proxies stand in front: what they forward is believed of trusted ones alone, hop by hop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FOR: Final = b"x-forwarded-for"
PROTO: Final = b"x-forwarded-proto"
SCHEMES: Final = frozenset({"http", "https"})


class Proxies:
    """The proxies that are trusted."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)

    def look_through(self, scope: Scope) -> None:
        """Have a request say who sent it to the outermost trusted proxy, and by which scheme.

        Each proxy adds at the end who asked it. So the hops are gone through from the last one on; the first that
        is not a trusted proxy is who asks, and what stands before it anybody can have made up.
        """
        peer = scope.get("client")
        nearest = None if peer is None else _address(peer[0])
        if nearest is None or not self._trusts(nearest):
            return
        scope["client"] = (str(self._asking(nearest, _said(scope, FOR))), 0)
        scheme = next(reversed(_said(scope, PROTO)), "").lower()
        if scheme in SCHEMES:
            scope["scheme"] = scheme

    def _asking(self, nearest: Address, hops: Sequence[str]) -> Address:
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                return nearest
            nearest = address
            if not self._trusts(address):
                return address
        return nearest

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _said(scope: Scope, header: bytes) -> list[str]:
    """The parts of a header, which may be sent several times."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    values = [value.decode("latin-1") for name, value in headers if name == header]
    return [part.strip() for value in values for part in value.split(",")]


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    """An address, with a port or without; IPv4 within IPv6 as IPv4.

    >>> [str(_address(text)) for text in ("10.0.0.1:4711", "[2001:db8::1]:80", "::ffff:10.0.0.1", "unknown")]
    ['10.0.0.1', '2001:db8::1', '10.0.0.1', 'None']
    """
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
