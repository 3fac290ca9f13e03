"""TLS towards an upstream: whom to trust, and why it was not reached, in words. `StartError` for a CA that cannot be used."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from ..errors import StartError

if TYPE_CHECKING:
    from ..config import Upstream as UpstreamConfig


def tls(config: UpstreamConfig) -> ssl.SSLContext:
    """Verification on, TLS 1.2 at least, the configured CA beside the system's."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if config.ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(config.ca_file))
        except (OSError, ssl.SSLError) as error:
            raise StartError(f"upstream.ca_file {config.ca_file} cannot be used: {reason_of(error)}") from error
    return context


def reason_of(error: BaseException) -> str:
    """What went wrong, in a sentence's worth of words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
