"""What a handler says of itself stands in the service's document."""

from typing import Any

from chassis import openapi
from chassis.operations import Reply, operation


class Asked:
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
