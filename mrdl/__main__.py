"""`python -m mrdl`, the command line."""

import sys

from mrdl.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
