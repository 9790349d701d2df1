"""The address that an anonymous request is counted under."""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any


def client_address(meta: Mapping[str, Any], trusted_proxies: int) -> str:
    """The client's address, "" if the server gave none.

    meta: the request's WSGI environment.
    trusted_proxies: how many proxies of our own stand before the server. Each appends the address
        it was called from to X-Forwarded-For, so only that many entries from the right are true;
        what stands further left, or all of it without a proxy, is whatever the client wrote.

    An IPv6 client is counted by its /64: it has 2^64 addresses of its own to choose from.
    """
    address = str(meta.get("REMOTE_ADDR") or "")
    if trusted_proxies:
        forwarded = [entry.strip() for entry in meta.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if forwarded[0]:
            address = forwarded[-min(trusted_proxies, len(forwarded))]
    return _network(address) if ":" in address else address


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"
