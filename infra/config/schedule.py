"""When an environment rests: `[schedule]` of its file, and what it asks for at a given time. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, StringConstraints, field_validator, model_validator

from infra.config.models import Model

Time = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Change = Literal["sleep", "wake"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Schedule(Model):
    """On each of `days` the environment wakes at `wake` and sleeps at `sleep`; between them it stays as it is."""

    sleep: Time
    wake: Time
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS[:5]
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("should be a time zone such as Europe/Lisbon") from error
        return name

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.sleep == self.wake:
            raise ValueError("sleep and wake should not be at the same time")
        return self


def last_change(schedule: Schedule, now: datetime) -> tuple[Change, datetime]:
    """Return what the schedule asked for last before `now`, and when (UTC)."""
    zone = ZoneInfo(schedule.timezone)
    today = now.astimezone(zone).date()
    found: list[tuple[datetime, Change]] = []
    for back in range(9):
        day = today - timedelta(days=back)
        if DAYS[day.weekday()] in schedule.days:
            changes: tuple[tuple[Change, str], ...] = (("sleep", schedule.sleep), ("wake", schedule.wake))
            for change, text in changes:
                hour, minute = map(int, text.split(":"))
                at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
                found += [(at, change)] if at <= now else []
    at, change = max(found)
    return change, at
