"""The start of the command `impasto` and of `python -m impasto`; Ctrl-C while modules are imported ends it, too."""

import sys

__all__ = ["main"]


def main() -> None:
    """Import the command and run it: see `impasto.cli.main`."""
    try:
        from impasto.cli import main as run  # noqa: PLC0415 (it takes half a second)
    except KeyboardInterrupt:
        sys.stderr.write("impasto: Interrupted.\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
