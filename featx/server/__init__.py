"""Classifiers behind HTTP, and the page with which a person tries them.

The server is a function of its classifiers: no module-level application, no globals, no reading of the
environment. The libraries come with the extra ``serve``.
"""

from featx.server.access_log import AccessLog
from featx.server.app import create_app
from featx.server.limits import Limits
from featx.server.running import run

__all__ = ["AccessLog", "Limits", "create_app", "run"]
