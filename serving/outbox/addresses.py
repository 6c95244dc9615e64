"""Where a webhook may go: a public address over https, unless the settings allow a private one.

A name can be made to point anywhere at any time. So every address that it has is checked, and the
connection is made to a checked address, not to the name.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from features.errors import LeadlightError

Address = IPv4Address | IPv6Address
Resolve = Callable[..., list[tuple[Any, ...]]]
"""As ``socket.getaddrinfo``."""

NAT64: Final = IPv6Network("64:ff9b::/96")
"""IPv4 addresses inside IPv6 ones; counted as public by the standard library, wherever they lead."""
PORTS: Final = {"https": 443, "http": 80}


class TargetError(LeadlightError):
    """The webhook's URL leads where it must not."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL whose name was resolved and checked.

    Attributes:
        url: with the checked address in the place of the name. host: the name, for TLS and the Host header.
        authority: the name, and the port where it is not the usual one.
    """

    url: str
    host: str
    authority: str


def resolve_target(url: str, *, allow_private: bool, resolve: Resolve = socket.getaddrinfo) -> Target:
    """Resolve and check a webhook's URL.

    Raises:
        TargetError: naming what is wrong with it; the URL itself is not repeated, it may hold a secret.
    """
    parts, port = _parts(url)
    host = str(parts.hostname)
    addresses = _addresses(host, port, resolve)
    private = [address for address in addresses if not is_public(address)]
    if private and not allow_private:
        advice = "allow it with LEADLIGHT_WEBHOOK_ALLOW_PRIVATE=true, if it is meant"
        raise TargetError("the webhook leads to this machine or into a private network", [advice])
    if parts.scheme == "http" and len(private) < len(addresses):
        raise TargetError("the webhook has to be https", ["http is for private addresses only"])
    name = f"[{host}]" if ":" in host else host
    authority = name if port == PORTS[parts.scheme] else f"{name}:{port}"
    pinned = f"[{addresses[0]}]" if addresses[0].version == 6 else str(addresses[0])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(f"{parts.scheme}://{pinned}:{port}{path}", host, authority)


def _parts(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise TargetError("the webhook's URL cannot be read") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise TargetError("the webhook has to be a https URL")
    if parts.username is not None or parts.password is not None:
        raise TargetError("the webhook's URL must not hold a password", ["requests are signed instead"])
    return parts, port


def _addresses(host: str, port: int, resolve: Resolve) -> list[Address]:
    try:
        found = resolve(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TargetError("the webhook's host has no address") from error
    addresses = list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
    if not addresses:
        raise TargetError("the webhook's host has no address")
    return addresses


def is_public(address: Address) -> bool:
    """Whether an address is out on the internet, and no address inside it is not.

    >>> [
    ...     is_public(ip_address(text))
    ...     for text in ("8.8.8.8", "169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1")
    ... ]
    [True, False, False, False]
    """
    inner = [address]
    if isinstance(address, IPv6Address):
        wrapped = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
        inner += [one for one in wrapped if one is not None]
        if address in NAT64:
            inner.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return all(one.is_global and not one.is_multicast for one in inner)
