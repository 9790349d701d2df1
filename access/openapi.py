"""How callers show who they are, in the terms of OpenAPI."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerCredential(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Service keys and listener tokens; sessions of staff are for browsers and left out."""

    target_class = "access.authentication.CredentialAuthentication"
    name = "credential"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """The scheme, as it stands among the document's components."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A service key (any listener) or a listener token (its own listener).",
        }
