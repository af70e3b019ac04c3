"""Configuration: files to frozen, typed values, read and validated once at the door."""

from infra.config.environment import Environment
from infra.config.load import Config, environment_names, load
from infra.config.service import Process, Service

__all__ = ["Config", "Environment", "Process", "Service", "environment_names", "load"]
