"""The sweep as a file of its own: python jobs/sweep.py SPEC.toml DATA.csv [-r local|hadoop]

A job for each architecture where they are large, packs of them in map tasks where they are small; `mrdl sweep run`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as it lies in a checkout

from mrdl.cli.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(["sweep", "run", *sys.argv[1:]]))
