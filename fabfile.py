"""The checks of a host as Fabric tasks: `AWS_REGION=eu-west-1 fab -H i-0abc,i-0def doctor`, `fab -H i-0abc logs`."""

from infra.fleet.tasks import doctor, logs

__all__ = ["doctor", "logs"]
