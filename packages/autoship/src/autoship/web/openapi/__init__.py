"""What the API is, said once: a table of operations, the OpenAPI document made from it, and the page that shows it."""

from autoship.web.openapi.document import document, text_of
from autoship.web.openapi.operations import OPERATIONS
from autoship.web.openapi.page import POLICY, page

__all__ = ["OPERATIONS", "POLICY", "document", "page", "text_of"]
