"""The page of `/status`: what its JSON says, for a person. No script, nothing from elsewhere; it asks again by itself.

Errors and reasons in it may quote strangers: all is escaped on its way into the page, and the content security policy
would stop what slipped through.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

from .core.spans import size_text, span_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


class StatusPage:
    """The page's template, read once."""

    def __init__(self) -> None:
        text = resources.files(__package__).joinpath("status.html").read_text("utf-8")
        (style,) = _STYLE.findall(text)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._fields = {
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            # as on the analytics server's pages (`analytics/door.py`)
            "X-XSS-Protection": "1; mode=block",
            "X-Frame-Options": "DENY",
            "Strict-Transport-Security": "max-age=86400",
        }
        templates = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        templates.filters |= {"span": span_text, "size": size_text}
        self._template = templates.from_string(text)

    def render(self, told: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """The page of what `/status` says, and the header fields that belong to it."""
        return self._template.render(told=told).encode(), self._fields
