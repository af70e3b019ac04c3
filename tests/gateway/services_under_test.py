"""Two services that exist in these tests alone: the gateway must need nothing but their descriptions."""

from typing import Any

MANIFESTS = {
    "films": """
description = "Films"
[http]
port = 8080
routes = ['^/films$', '^/films/\\d+$', '^/slow$', '^/seldom$', '^/rarely$']
rate_limit = "1000/s"
[processes.web]
command = ["films"]
cpu = 128
memory = 128
""",
    "opinions": """
description = "Opinions on films"
[http]
port = 8080
routes = ['^/films/\\d+/opinions$', '^/limited$']
rate_limit = "20/s"
[processes.web]
command = ["opinions"]
cpu = 128
memory = 128
""",
}

_OK: dict[str, Any] = {"200": {"description": "Fine."}}
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _operation(name: str, **more: Any) -> dict[str, Any]:
    return {"operationId": name, "responses": _OK, **more}


DOCUMENTS: dict[str, dict[str, Any]] = {
    "films": {
        "openapi": "3.1.0",
        "info": {"title": "films", "version": "1"},
        "paths": {
            "/films": {
                "get": _operation("listFilms"),
                "post": _operation("addFilm", requestBody=_body({"$ref": "#/components/schemas/Film"})),
            },
            "/films/{id}": {
                "parameters": [_ID],
                "get": _operation("showFilm"),
                "put": _operation("replaceFilm", requestBody=_body({"$ref": "#/components/schemas/Film"})),
                "delete": _operation("removeFilm"),
            },
            "/slow": {"get": _operation("waitForFilms")},
            "/seldom": {"get": _operation("seldom", **{"x-rate-limit": "100/m"})},
            "/rarely": {"get": _operation("rarely", **{"x-rate-limit": "100/m"})},
            "/health/ready": {"get": _operation("ready")},
        },
        "components": {
            "schemas": {
                "Film": {
                    "type": "object",
                    "required": ["title"],
                    "additionalProperties": False,
                    "properties": {
                        "title": {"type": "string", "minLength": 1, "maxLength": 300},
                        "year": {"type": ["integer", "null"], "minimum": 1888, "maximum": 2100},
                        "tags": {"type": "array", "maxItems": 3, "items": {"type": "string"}},
                    },
                }
            }
        },
    },
    "opinions": {
        "openapi": "3.1.0",
        "info": {"title": "opinions", "version": "1"},
        "paths": {
            "/films/{id}/opinions": {
                "parameters": [_ID],
                "get": _operation("listOpinions"),
                "post": _operation(
                    "addOpinion",
                    requestBody=_body(
                        {
                            "type": "object",
                            "required": ["text"],
                            "additionalProperties": False,
                            "properties": {
                                "text": {"type": "string", "maxLength": 10000},
                                "query": {"type": "string", "maxLength": 100},
                            },
                        }
                    ),
                    **{"x-rate-limit": "100000/s", "x-firewall": {"fields": {"query": ["sql"]}}},
                ),
            },
            "/limited": {"get": _operation("limited", **{"x-rate-limit": "30/m"})},
        },
    },
}
