"""The start of the command `impasto` and of `python -m impasto`, and its end: Ctrl-C prints no traceback in either."""

import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Import the command and run it: see `impasto.cli.main`."""
    try:
        from impasto.cli import main as run  # noqa: PLC0415 (it takes half a second)
    except KeyboardInterrupt:
        sys.stderr.write("impasto: Interrupted.\n")
        sys.exit(130)
    try:
        run()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's handler would raise in what Python does before it ends


if __name__ == "__main__":
    main()
