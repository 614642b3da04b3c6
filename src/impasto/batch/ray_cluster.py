"""The cluster of Ray: one that runs, or one that is started on this machine, which listens on the loopback alone."""

import importlib
import os
import socket
from typing import Any

from impasto.errors import InputError, import_of_extra

__all__ = ["import_ray", "join_cluster", "last_line"]

OBJECT_STORE_BYTES = 200_000_000
"""The size of the object store that is started on this machine: jobs and outcomes are small."""

CONNECT_SECONDS = 5.0
"""The most seconds in which a cluster has to answer."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
"""What the environment tells Ray: to send no statistics, not to warn of a change in how it hides GPUs, and not to print
the deaths of workers and machines, of which the scheduler tells."""

ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""What the environment tells a Ray that is started here: it listens on the loopback alone, as it does on macOS."""


def import_ray(address: str) -> Any:
    """Return the module ray, which reads the environment when it is imported.

    Args:
        address: local, auto or an address, as `RayWorkers` takes it.

    Returns:
        The module.

    Raises:
        InputError: it is not installed.

    """
    variables = {**QUIET, **(ON_LOOPBACK if address == "local" else {})}
    os.environ.update({name: value for name, value in variables.items() if name not in os.environ})
    with import_of_extra("ray", "several workers need {module}, of impasto's extra ray"):
        return importlib.import_module("ray")


def join_cluster(ray: Any, address: str, cpus: int | None = None) -> bool:
    """Join a cluster, or start Ray on this machine, if this process has not joined one yet.

    Args:
        ray: The module.
        address: local, auto or an address, as `RayWorkers` takes it.
        cpus: The processors that Ray counts when it is started here; by default those of this machine.

    Returns:
        Whether this call joined a cluster or started one.

    Raises:
        InputError: there is no cluster at the address.

    """
    if ray.is_initialized():
        return False
    ray._private.worker._worker_logs_enabled = False  # noqa: SLF001 (it prints the death of workers; its debugger's switch)
    common = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        local = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
        ray.init(address="local", **common, **local, num_cpus=cpus)
        return True
    try:
        _check_address(address)
        ray.init(address=address, **common)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"there is no cluster of Ray at {address}: {last_line(error)}; start one with ray start --head, or give "
            "--ray local."
        ) from None
    return True


def _check_address(address: str) -> None:
    """Try to connect to an address, for which Ray itself would take minutes.

    Raises:
        OSError: nobody listens there.

    """
    host, _, port = address.rpartition(":")
    if port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


def last_line(error: Exception) -> str:
    """Return the last line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip().rstrip(".")
