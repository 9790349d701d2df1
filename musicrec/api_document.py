"""The OpenAPI document at /api/schema, and a page for reading it at /api/docs.

The page is made here, from the document: it needs nothing from the internet and no script.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from musicrec.request_record import PAGE_POLICY

METHODS: Final = ("get", "post", "put", "patch", "delete")
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Any error, as RFC 9457 has it.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "for programs"},
        "detail": {"type": "string", "description": "for people"},
        "request_id": {"type": "string", "description": "the same as in the log"},
        "errors": {
            "type": "array",
            "description": "every value that is wrong, or the first 100",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string", "description": "path with dots, empty: the whole"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The document, made once a process: it depends on the code alone, and takes 100 ms."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: every operation may answer with a problem."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    answer = {
        "description": "An error",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for _path, _method, operation in operations(result):
        operation.setdefault("responses", {}).setdefault("default", answer)
    return result


def operations(source: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each path, method and operation of a document."""
    for path, methods in source["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


@require_safe
def schema(_request: HttpRequest) -> HttpResponse:
    """GET /api/schema: the document, as JSON."""
    return HttpResponse(orjson.dumps(document()), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """GET /api/docs: the document, to be read."""
    context = {"info": document()["info"], "operations": [_row(*each) for each in _sorted()]}
    response = render(request, "musicrec/api_docs.html", context)
    response["Content-Security-Policy"] = PAGE_POLICY
    return response


def _sorted() -> list[tuple[str, str, dict[str, Any]]]:
    return sorted(operations(document()), key=lambda each: (each[0], METHODS.index(each[1])))


def _row(path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of one operation."""
    title, _, more = operation.get("description", "").strip().partition("\n")
    body = _content(operation.get("requestBody", {}))
    return {
        "id": operation.get("operationId", f"{method}-{path}"),
        "method": method.upper(),
        "path": path,
        "title": title,
        "more": more.strip(),
        "open": {} in operation.get("security", []) or not operation.get("security", [{}]),
        "parameters": operation.get("parameters", []),
        "body": None if body is None else _shown(body),
        "answers": [
            {
                "status": status,
                "shape": None if (found := _content(answer)) is None else _shown(found),
            }
            for status, answer in operation["responses"].items()
            if status != "default"
        ],
    }


def _content(holder: Mapping[str, Any]) -> dict[str, Any] | None:
    for media in holder.get("content", {}).values():
        found: dict[str, Any] = media.get("schema", {})
        return found
    return None


def _shown(shape: Mapping[str, Any]) -> str:
    return json.dumps(example(shape), indent=2, ensure_ascii=False)


def example(shape: Mapping[str, Any], seen: tuple[str, ...] = ()) -> Any:
    """A value of this shape with the names of types where values would stand."""
    if reference := shape.get("$ref"):
        name = reference.rpartition("/")[2]
        if name in seen:
            return f"<{name}>"
        return example(document()["components"]["schemas"][name], (*seen, name))
    for combined in ("allOf", "oneOf", "anyOf"):
        if combined in shape:
            return example(shape[combined][0], seen)
    if "enum" in shape:
        return "|".join(str(value) for value in shape["enum"])
    if shape.get("type") == "array":
        return [example(shape.get("items", {}), seen)]
    if "properties" in shape:
        return {name: example(inner, seen) for name, inner in shape["properties"].items()}
    kind = shape.get("format") or shape.get("type", "any")
    return f"<{kind if isinstance(kind, str) else '|'.join(kind)}>"
