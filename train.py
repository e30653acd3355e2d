"""Train a network on a CSV: python train.py data.csv -r hadoop (all flags: --help)."""

import sys

from mrdl.cli.main import main

sys.exit(main(["train", *sys.argv[1:]]))
