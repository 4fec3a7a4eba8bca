"""``python -m tagsmith`` and the console script."""

from __future__ import annotations

from tagsmith.cli import app


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    app()


if __name__ == "__main__":
    main()
