"""``python -m flotilla`` is ``flotilla``."""

from flotilla.cli import main

if __name__ == "__main__":
    main(prog_name="flotilla")
