"""Classifiers behind HTTP, and the page with which a person tries them.

The server is a function of its classifiers: no module-level application, no reading of the environment. A
request passes the protocol of its connection, the middleware and the router, whose routes are the operations of
``routes_v1``, ``routes_v2`` and ``app``. Once its body is whole it holds a slot of the pool while that is
parsed and workers predict, and is answered in JSON. The libraries come with the extra ``serve``.
"""

from featx.server.access_log import AccessLog
from featx.server.app import create_app
from featx.server.limits import Limits
from featx.server.running import run

__all__ = ["AccessLog", "Limits", "create_app", "run"]
