"""Where a credential may be sent."""

from __future__ import annotations

from ipaddress import ip_address

import httpx


def checked(text: str) -> httpx.URL:
    """Give the base URL that `text` is.

    Raises `ValueError` where a credential must not be sent there: anywhere but to an `https` URL, or to this machine.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError("the base URL is not of the form https://HOST[:PORT][/PATH]")
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
        raise ValueError("the base URL is not https, and the host is not this machine")
    return url


def may_pass_proxies(url: httpx.URL) -> bool:
    """Say whether the environment's proxies may be used: one on the way to this machine would see the credential."""
    return url.scheme == "https"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
