"""What a handler says of itself stands in the service's document."""

from typing import Any

from chassis import openapi, web
from chassis.operations import Reply, operation


class Asked(web.Handler):
    @operation(
        id="ask", summary="Ask", replies={200: Reply("Said.")}, firewall={"fields": {"text": ["sql.union"]}}
    )
    async def get(self) -> None: ...

    @operation(id="tell", summary="Tell", replies={200: Reply("Told.")})
    async def put(self) -> None: ...


def made() -> dict[str, Any]:
    return openapi.document("reviews", [(r"/asked", Asked)])["paths"]["/asked"]


def test_an_operations_exclusions_from_the_firewall_stand_where_the_gateway_reads_them() -> None:
    assert made()["get"]["x-firewall"] == {"fields": {"text": ["sql.union"]}}


def test_an_operation_without_exclusions_says_nothing_of_the_firewall() -> None:
    assert "x-firewall" not in made()["put"]


class InJson(web.Handler):
    negotiates = False

    @operation(id="look", summary="Look", replies={200: Reply("Seen.", int)})
    async def get(self) -> None: ...


class InEither(web.Handler):
    @operation(id="see", summary="See", replies={200: Reply("Seen.", int), 204: Reply("Nothing.")})
    async def get(self) -> None: ...


def test_an_answer_that_is_negotiated_stands_there_in_both_its_forms_and_another_in_json_alone() -> None:
    paths = openapi.document("reviews", [("/either", InEither), ("/json", InJson)])["paths"]
    responses = {path: item["get"]["responses"] for path, item in paths.items()}

    assert list(responses["/either"]["200"]["content"]) == ["application/json", "application/msgpack"]
    assert list(responses["/json"]["200"]["content"]) == ["application/json"]
    assert "content" not in responses["/either"]["204"]
    assert list(responses["/either"]["503"]["content"]) == ["application/problem+json"]
