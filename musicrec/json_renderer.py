"""Answers in JSON, written by orjson: several times faster than DRF's own renderer."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder

_OPTIONS: Final = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_encoder: Final = JSONEncoder()


class JsonRenderer(BaseRenderer):
    """DRF's renderer of answers. Times of UTC end in Z."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The bytes of an answer; of None, none."""
        if data is None:
            return b""
        return orjson.dumps(data, default=_encoder.default, option=_OPTIONS)
