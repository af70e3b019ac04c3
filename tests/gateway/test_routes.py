"""The table of routes: made from manifests and OpenAPI documents alone."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi import OpenApiError, operations
from routes import RoutesError, main, rate, read_services, route_table

ROOT = Path(__file__).resolve().parent.parent.parent


def manifest(*routes: str, **more: Any) -> dict[str, Any]:
    return {"http": {"port": 8080, "routes": list(routes), **more}}


def document(paths: dict[str, Any], **components: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": components}}


GET = {"get": {"operationId": "get"}}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}


def test_a_path_is_public_when_a_route_of_its_service_matches_it() -> None:
    documents = {"films": document({"/films": GET, "/health/ready": GET})}

    table = route_table({"films": manifest("^/films$")}, documents)

    assert table == {
        "services": {"films": {"limit": {"count": 100, "window": 1}}},
        "routes": [
            {
                "service": "films",
                "path": "/films",
                "pattern": "^/films$",
                "operations": {"GET": {"id": "get", "max_body": 65536}},
            }
        ],
    }


def test_an_integer_in_a_path_takes_digits_only_and_plain_paths_come_first() -> None:
    paths = {"/films/{id}": {"parameters": [ID], **GET}, "/films/{name}/cast": GET, "/films/best": GET}

    table = route_table({"films": manifest("^/films/")}, {"films": document(paths)})

    assert [route["pattern"] for route in table["routes"]] == [
        "^/films/best$",
        r"^/films/-?\d{1,19}$",
        "^/films/[^/]{1,256}/cast$",
    ]


def test_the_public_service_itself_and_services_without_routes_are_no_upstreams() -> None:
    manifests = {"door": {"public": True, **manifest("^/$")}, "quiet": {"http": {"port": 1}}, "worker": {}}

    table = route_table(manifests, {})

    assert table == {"services": {}, "routes": []}


def test_a_service_without_a_document_has_its_routes_with_every_method() -> None:
    table = route_table({"films": manifest("^/films$", rate_limit="5/m")}, {})

    assert table == {
        "services": {"films": {"limit": {"count": 5, "window": 60}}},
        "routes": [{"service": "films", "path": "^/films$", "pattern": "^/films$"}],
    }


def test_a_path_that_two_services_claim_is_an_error_that_names_both() -> None:
    manifests = {"a": manifest("^/x$"), "b": manifest("^/x$")}
    documents = {"a": document({"/x": GET}), "b": document({"/x": GET})}

    with pytest.raises(
        RoutesError, match="services/a: /x is also a path of b; take it out of one of the two"
    ):
        route_table(manifests, documents)


def test_references_are_resolved_and_what_the_gateway_does_not_check_is_left_out() -> None:
    film = {"type": "object", "properties": {"title": {"type": "string", "pattern": "^x", "maxLength": 3}}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Film"}}}}
    described = document({"/films": {"post": {"operationId": "add", "requestBody": body}}}, Film=film)

    [(_, _, operation)] = operations(described)

    assert operation["content"] == {
        "application/json": {
            "type": ["object"],
            "properties": {"title": {"type": ["string"], "maxLength": 3}},
        }
    }
    assert operation["body_required"] is False


def test_a_reference_to_nowhere_names_the_operation_and_the_reference() -> None:
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Gone"}}}}

    with pytest.raises(OpenApiError, match="POST /films: #/components/schemas/Gone is not in the document"):
        list(operations(document({"/films": {"post": {"requestBody": body}}})))


def test_a_schema_that_refers_to_itself_is_refused() -> None:
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}}}
    tree = {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Tree"}}}

    with pytest.raises(OpenApiError, match="refers to itself"):
        list(operations(document({"/trees": {"post": {"requestBody": body}}}, Tree=tree)))


def test_an_operation_may_have_a_limit_of_its_own() -> None:
    limited = {"get": {"operationId": "get", "x-rate-limit": "5/s"}}

    table = route_table({"films": manifest("^/films$")}, {"films": document({"/films": limited})})

    assert table["routes"][0]["operations"]["GET"]["limit"] == {"count": 5, "window": 1}


@pytest.mark.parametrize("text", ["", "50", "0/s", "50/h", "-1/s", "50/s "])
def test_a_rate_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(RoutesError, match="films: a rate limit should be like 50/s or 600/m"):
        rate(text, "films")


def test_every_route_of_the_projects_own_services_has_a_described_path() -> None:
    manifests, documents = read_services(ROOT / "services")

    table = route_table(manifests, documents)

    public = {
        name: item["http"].get("routes", []) for name, item in manifests.items() if name in table["services"]
    }
    samples = [re.sub(r"\{[^}]+\}", "1", route["path"]) for route in table["routes"]]
    unused = [
        route
        for routes in public.values()
        for route in routes
        if not any(re.search(route, s) for s in samples)
    ]
    assert public
    assert unused == []


def test_the_table_is_written_the_same_every_time(tmp_path: Path) -> None:
    (tmp_path / "services" / "films").mkdir(parents=True)
    (tmp_path / "services" / "films" / "service.toml").write_text("[http]\nroutes = ['^/films$']\n")
    first, second = tmp_path / "out" / "first.json", tmp_path / "out" / "second.json"

    codes = [main([str(tmp_path / "services"), str(path)]) for path in (first, second)]

    assert codes == [0, 0]
    assert first.read_bytes() == second.read_bytes()
    assert json.loads(first.read_text())["routes"][0]["service"] == "films"


def test_a_manifest_that_is_not_toml_is_one_sentence_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "service.toml").write_text("[http")

    code = main([str(tmp_path), str(tmp_path / "out.json")])

    assert code == 1
    assert capsys.readouterr().err.startswith("routes.py: ")


@pytest.mark.parametrize("path", ["/", "/health", "/page/{name}"])
def test_a_path_that_the_gateway_answers_itself_is_no_services(path: str) -> None:
    documents = {"films": document({path: GET})}

    with pytest.raises(RoutesError, match=r"^services/films: .* which the gateway answers itself; choose"):
        route_table({"films": manifest(".")}, documents)
