"""The names of operations in the OpenAPI document: the method, then the view ("getSongs")."""

from drf_spectacular.openapi import AutoSchema


class NamedByView(AutoSchema):
    """Views are named once each, so names do not change when an address is added or moved."""

    def get_operation_id(self) -> str:
        """Such as getSongs, putLike, postRetrain."""
        return self.method.lower() + type(self.view).__name__.removesuffix("View")
