"""``python -m sksoftnewton``: a comparison on built-in data, or on a CSV file."""

import sys

from sksoftnewton._cli.main import main

if __name__ == "__main__":
    sys.exit(main())
