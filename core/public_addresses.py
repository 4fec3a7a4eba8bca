"""Which addresses of the internet a picture may be fetched from: public ones, and no others.

The lists follow the IANA special-purpose registries
(https://www.iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry). Of IPv6 only global unicast
is let through, and of that nothing that carries an IPv4 address inside: a translator would lead it anywhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_REFUSED_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network; Linux takes 0.0.0.0 for loopback
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT, and the metadata service of one cloud
            "127.0.0.0/8",
            "168.63.129.16/32",  # metadata service of a cloud, inside public space
            "169.254.0.0/16",  # link-local, and most clouds' metadata services
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_IPV6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
            "2001:db8::/32",
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",  # answers for private addresses, as 192.175.48.0/24
            "3fff::/20",  # documentation
        ),
    )
)
# The half of an address that says "an IPv4 address follows", whichever of its two forms (RFC 5214, section 6.1).
_ISATAP, _ISATAP_MASK = 0x00005EFE, 0xFDFFFFFF


def is_public(address: Address) -> bool:
    """Return whether ``address`` is that of a machine on the internet at large."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_IPV4)
    if address.scope_id is not None or address not in _GLOBAL_IPV6:
        return False
    return not any(address in network for network in _REFUSED_IPV6) and int(address) >> 32 & _ISATAP_MASK != _ISATAP


def all_public(addresses: Iterable[str]) -> bool:
    """Return whether there is an address and each one is public: a name with one private address is refused whole."""
    found = [_parsed(address) for address in addresses]
    return bool(found) and all(address is not None and is_public(address) for address in found)


def _parsed(address: str) -> Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
