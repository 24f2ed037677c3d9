"""``python -m sksoftnewton``: a comparison of models on a file, and predictions."""

import os
import signal
import sys
from typing import Any, NoReturn


def end(*_: Any) -> NoReturn:
    """End an interrupt while libraries are loaded, which could only spoil it."""
    os.write(2, b"interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)
    from sksoftnewton._cli.main import main

    signal.signal(signal.SIGINT, handler)
    sys.exit(main())
