"""``python -m sksoftnewton``: a comparison of models on a file, and predictions."""

import sys

from sksoftnewton._cli.main import main

if __name__ == "__main__":
    sys.exit(main())
