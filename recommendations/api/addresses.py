"""Ids in addresses: ``<id:user_id>`` in a route stands for what can be an id, and nothing else."""

from django.urls import register_converter

from recommendations.identifiers import LONGEST_ID, is_identifier


class IdConverter:
    """What cannot be an id names nothing, so its address is not there: 404, and no query."""

    regex = f"[^/]{{1,{LONGEST_ID}}}"

    def to_python(self, value: str) -> str:
        """The id. Raises ValueError, by which Django knows that the route does not fit."""
        if not is_identifier(value):
            raise ValueError(value)
        return value

    def to_url(self, value: str) -> str:
        """The id as it is."""
        return value


register_converter(IdConverter, "id")
