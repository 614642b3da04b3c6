"""Durations in words."""

__all__ = ["clock"]


def clock(seconds: float) -> str:
    """Write a duration as 0:42, 12:05 or 3:12:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
