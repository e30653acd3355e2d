"""Code complexity: lines and characters a user writes for the same training, 784-500-100-10 on a CSV.

.venv/bin/python scripts/paper/complexity.py

The programs lie in scripts/paper/programs. Blank lines and comments do not count. "What it does" is what a run of the
program includes: reading in blocks, data larger than memory, many machines, a task that dies, a killed driver.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bench"))
from common import table  # noqa: E402

PROGRAMS = [
    ("mrdl_api.py", "mrdl, by its own API", "HDFS, any number of machines, retried tasks, resume, same bytes"),
    ("figure5.py", "mrdl, by the paper's API (its figure 5)", "the same"),
    ("plain_pytorch.py", "plain PyTorch", "one machine, data in memory, starts again from nothing"),
    ("data_parallel.py", "torch.distributed, as Horovod has it", "several machines at once, data in memory of each; "
     "one that dies ends all; needs a launcher, open ports, a copy of the data on each"),
]  # fmt: skip


def counted(path):
    lines = [line.strip() for line in path.read_text().splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return len(lines), sum(map(len, lines))


def main():
    rows = []
    for name, what, does in PROGRAMS:
        lines, characters = counted(HERE / "programs" / name)
        rows.append([what, lines, characters, does])
    least = rows[0][1]
    rows = [[what, lines, f"{lines / least:.1f}x", characters, does] for what, lines, characters, does in rows]
    table("Code complexity", rows, ["program", "lines", "of mrdl's", "characters", "what it does"])


if __name__ == "__main__":
    main()
