"""The OpenAPI document and its page: complete, readable offline, and open."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from musicrec.api_document import document, example, operations


def test_the_document_is_open_and_is_openapi(client: Client) -> None:
    answer = client.get("/api/schema")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["openapi"].startswith("3.")
    assert answer.json()["components"]["securitySchemes"]["credential"]["scheme"] == "bearer"


def test_every_operation_has_a_name_of_its_own_and_may_answer_with_a_problem() -> None:
    found = list(operations(document()))

    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)
    for path, method, operation in found:
        assert "default" in operation["responses"], (path, method)


def test_the_document_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    document.cache_clear()
    document()

    assert capsys.readouterr().err == ""


def test_the_page_shows_every_operation_and_loads_nothing_from_elsewhere(client: Client) -> None:
    answer = client.get("/api/docs")

    page = answer.content.decode()
    for path, method, operation in operations(document()):
        assert f'id="{operation["operationId"]}"' in page, (path, method)
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert loaded
    assert all(address.startswith("/") and not address.startswith("//") for address in loaded)
    assert "<script" not in page
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert finders.find("musicrec/api_docs.css")


def test_an_example_names_types_and_stops_at_a_circle() -> None:
    shape = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "at": {"type": "string", "format": "date-time"},
            "numbers": {"type": "array", "items": {"type": "integer"}},
            "action": {"enum": ["like", "dislike"]},
        },
    }

    assert example(shape) == {
        "name": "<string>",
        "at": "<date-time>",
        "numbers": ["<integer>"],
        "action": "like|dislike",
    }
    assert example({"$ref": "#/components/schemas/Problem"}, ("Problem",)) == "<Problem>"
