"""The text of a report of a run, which all displays of progress share."""

from impasto.jobs.amounts import clock
from impasto.transfer.progress import Progress

__all__ = ["stage", "state", "time_left"]


def stage(report: Progress) -> str:
    """Return the stage of a report and its size."""
    return f"stage {report.stage} of {report.stages}, {report.width} × {report.height}"


def time_left(report: Progress) -> str:
    """Return the time that is left, after a comma; nothing before it can be estimated."""
    return "" if report.seconds_left is None else f", {clock(report.seconds_left)} left"


def state(report: Progress) -> str:
    """Return the stage of a report, the percentage of the run that is done, the loss and the time that is left."""
    return f"{stage(report)}: {report.fraction:.0%}, loss {report.loss:.4g}{time_left(report)}"
