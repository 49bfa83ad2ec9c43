"""The way back after a login: to the page that was asked for, and never to another site."""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi import Request

_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")


def local(path: str) -> str:
    """The path, where it stays on this server; else the start page."""
    return path if _LOCAL_PATH.fullmatch(path) else "/"


def login_address(request: Request) -> str:
    """Where to log in and come back to the page of this request."""
    url = request.url
    return f"/login?back={quote(f'{url.path}?{url.query}' if url.query else url.path, safe='/')}"
