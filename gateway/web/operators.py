"""
Who may look into calls, and decide about them.

What callers say is nobody's business but the operator's. Where the gateway shares a secret with a provider, an operator
has to show that it has it too; where it does not, only this machine is served, and no one through a tunnel.
"""

import hashlib
import hmac
from ipaddress import ip_address

from aiohttp import web

from gateway.web.gateway import GATEWAY

SIGNATURE_HEADER = "X-Gateway-Signature"


def signature(secret: str, path: str) -> str:
    """What an operator sends along to show that it has the secret."""
    return hmac.new(secret.encode(), f"follow {path}".encode(), hashlib.sha256).hexdigest()


def check_operator(request: web.Request) -> None:
    """Raise 403 for anyone else."""
    if not _allowed(request, request.app[GATEWAY].auth_token):
        raise web.HTTPForbidden(text="calls are open to this machine, or with a signature\n")


def _allowed(request: web.Request, secret: str | None) -> bool:
    if secret is not None:
        given = request.headers.get(SIGNATURE_HEADER, "")
        return hmac.compare_digest(given.encode(), signature(secret, request.path).encode())
    return _is_loopback(request.remote or "") and _is_loopback(request.url.host or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
