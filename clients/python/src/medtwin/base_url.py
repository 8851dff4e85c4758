"""The base URL, and which servers may receive a credential."""

from __future__ import annotations

from ipaddress import ip_address

import httpx


def parse_base_url(text: str) -> httpx.URL:
    """Parse a base URL and check that a credential may be sent there.

    Raises `ValueError` if the URL is malformed, or if it neither uses `https` nor points to this machine.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError("the base URL must have the form https://HOST[:PORT][/PATH]")
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
        raise ValueError("the base URL must use https unless its host is this machine")
    return url


def may_use_proxies(url: httpx.URL) -> bool:
    """Return whether requests may pass through the proxies that the environment configures.

    A proxy could read a credential that is sent over plain `http`. Only this machine may receive plain `http`, and it
    needs no proxy.
    """
    return url.scheme == "https"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
