"""The service over HTTP: an ASGI application, its endpoints and its problems."""

from autoship.web.application import application

__all__ = ["application"]
