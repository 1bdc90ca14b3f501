"""Who may change something: pages that this server itself has sent, and nobody else's.

A browser sends requests for any page that is open, also for one of somebody else's; what it says
about the page that asked cannot be forged by that page.
"""

from __future__ import annotations

from dashboard.errors import ForeignPageError


def require_own_page(site: str | None, origin: str | None, own: str) -> None:
    """Return when a page of ours has sent this request.

    Args:
        site: The request's ``Sec-Fetch-Site``; None from a browser that does not send it.
        origin: Its ``Origin``.
        own: Origin of this server as the request names it, such as ``http://127.0.0.1:5002``.

    Raises:
        ForeignPageError: Another page's browser, or something that is no browser, has sent it.
    """
    if site == "same-origin" or (site is None and origin == own):
        return
    raise ForeignPageError("This can be done from a page of the dashboard only; open it and retry.")
