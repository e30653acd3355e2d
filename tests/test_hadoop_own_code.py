"""A user's own code on a real YARN: what a script imports from its folder, its hooks, rules and network kinds."""

import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(600)]
OWN = """
import dataclasses, sys
from mrdl.nn.kinds import KINDS, mlp

def turned(block):
    if 'torch' in sys.modules and '--mapper' in sys.argv:
        raise SystemError('a mapper has torch')
    return dataclasses.replace(block, features=16 - block.features)

def bent(nodes):
    return dataclasses.replace(mlp(nodes), activations=('tanh',) * (len(nodes) - 2) + ('linear',))

KINDS['bent'] = bent
"""
JOB = """
from mrdl import MRDL, rbm
from mrdl.rounds.combine import RULES
from own.pieces import turned

RULES['last'] = lambda results: results[-1].weights

class Mine(MRDL):
    def parse(self, schema):
        parse = super().parse(schema)
        def turning(text):
            blocks, bad = parse(text)
            return [turned(block) for block in blocks], bad
        return turning

if __name__ == '__main__':
    newnet = rbm(0.03, 0.5, 16)
    Mine.newnet = newnet
    Mine.net = newnet.create_net(3, [64, 8, 10], kind='bent')
    Mine.run()
"""
LIBRARY = """
import sys
import mrdl, own.pieces
from mrdl.rounds.combine import RULES

RULES['last'] = lambda results: results[-1].weights

if __name__ == '__main__':
    settings = dict(nodes=(64, 8, 10), kind='bent', combine='last', shards=2, rounds=1, epochs=1, warm_rows=0)
    model = mrdl.train(sys.argv[1], runner=sys.argv[3], show=False, run_dir=sys.argv[3], **settings)
    model.save('net.' + sys.argv[3])
"""


def write(folder, program):
    (folder / "own").mkdir()
    (folder / "own" / "__init__.py").write_text("")
    (folder / "own" / "pieces.py").write_text(OWN)
    (folder / "job.py").write_text(program)


@pytest.mark.parametrize("program", [JOB, LIBRARY], ids=["job", "library"])
def test_a_script_with_code_beside_it_trains_on_yarn_as_inline(program, cluster, stored, digits, tmp_path):
    write(tmp_path, program)
    found = []
    for runner, data in (("inline", digits), ("hadoop", stored)):
        words = [sys.executable, "job.py", data, "-r", runner]
        if program == JOB:
            words += ["--combine", "last", "--shards", "2", "--epochs", "1", "--run-dir", runner]
            words += ["-o", f"net.{runner}"]
        ended = subprocess.run(words, cwd=tmp_path, env={**os.environ, **cluster}, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        found.append((tmp_path / f"net.{runner}").read_bytes())
    assert found[0] == found[1]
