"""Classifiers behind HTTP, and the page with which a person tries them.

The server is a function of its classifiers: no module-level application, no globals, no reading of the
environment. The libraries come with the extra ``serve``.
"""

from featx.server.app import create_app
from featx.server.journal import Journal
from featx.server.limits import Limits
from featx.server.running import run

__all__ = ["Journal", "Limits", "create_app", "run"]
