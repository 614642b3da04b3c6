"""Durations and amounts in words."""

__all__ = ["amount", "clock", "cost", "duration"]


def amount(number: int, noun: str) -> str:
    """Write a number of things: 1 picture, 2 pictures.

    Args:
        number: The number.
        noun: The noun in the singular; its plural ends in s.

    Returns:
        The words.

    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def clock(seconds: float) -> str:
    """Write a duration as 0:42, 12:05 or 3:12:05."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def duration(seconds: float) -> str:
    """Write a duration in round words: 40 seconds, 12 minutes, 2.5 hours."""
    if seconds < 90:
        return amount(max(1, round(seconds)), "second")
    if seconds < 90 * 60:
        return amount(round(seconds / 60), "minute")
    return f"{seconds / 3600:.1f} hours"


def cost(seconds: float, memory: float, needs: str = "") -> str:
    """Say how long something takes, and how much memory.

    Args:
        seconds: The time, in seconds.
        memory: The memory, in bytes.
        needs: Further needs, such as disk space, as the end of the sentence.

    Returns:
        The sentence.

    """
    return f"This takes about {duration(seconds)} and {memory / 1e9:.1f} GB of memory{needs}."
