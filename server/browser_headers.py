"""What browsers are told of every answer: what a page may load, and which other pages may do what with it."""

from typing import Any

from .headers import HEADERS
from .settings import ServerSettings


def build_browser_headers(settings: ServerSettings) -> list[tuple[bytes, bytes]]:
    """The headers of every answer, page and API alike."""
    embedding = settings.embed_origins
    policy = (
        "default-src 'self' data: blob:",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Gradio compiles templates in the browser
        "style-src 'self' 'unsafe-inline'",
        "object-src 'none'",
        " ".join(("frame-ancestors 'self'", *embedding)),
        "form-action 'self'",
        "base-uri 'self'",
    )
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Security-Policy": "; ".join(policy),
        "Permissions-Policy": f"camera=({'self' if settings.offers_live else ''}), microphone=(), geolocation=()",
    }
    if not embedding:
        headers["X-Frame-Options"] = "SAMEORIGIN"  # it cannot name origins
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def describe_cors(settings: ServerSettings) -> dict[str, Any]:
    """The arguments of `CORSMiddleware`. Passwords that a browser remembers are never sent along from elsewhere.

    Where no origin is allowed it is there all the same: Gradio then does not add one of its own, which allows any.
    """
    return {
        "allow_origins": settings.cors_origins,
        "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
        "allow_headers": ["Authorization", "X-Api-Key", "X-Request-Id"],
        "expose_headers": [*HEADERS, "Content-Disposition", "Retry-After", "X-Request-Id"],
        "allow_credentials": False,
    }
