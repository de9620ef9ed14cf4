"""`python -m dlheir` is the same as `dlheir`."""

import sys

from dlheir.cli import main

if __name__ == "__main__":
    sys.exit(main())
