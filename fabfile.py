"""The hosts by Fabric: `AWS_REGION=eu-west-1 fab -H i-0abc,i-0def doctor`, `ENV=staging fab -H i-0abc replace`."""

from infra.commands.host_tasks import drain, replace
from infra.fleet.tasks import doctor, logs, run

__all__ = ["doctor", "drain", "logs", "replace", "run"]
