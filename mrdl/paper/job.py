"""The paper's job `MRDL`, or `MR_dist`: a program sets its network, then runs it as a training.

    newnet = rbm(0.015, 0.8, 64)                 # learning rate, momentum, batch size
    MRDL.newnet = newnet
    MRDL.net = newnet.create_net(layer_count=4, node_seq=[784, 500, 100, 10])
    MRDL.run()                                   # python3 script.py data.csv -r hadoop > net.out
    weights = newnet.combine_weights(MRDL.weights)

One round of ten epochs, each shard counted once, as in the paper; `--rounds 5` and all flags of `mrdl train` work.
Tasks import this, but no torch.
"""

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from mrdl.cli import output
from mrdl.cli.script import TrainJob
from mrdl.errors import ConfigError
from mrdl.mapreduce.task import is_task
from mrdl.model.model import Model
from mrdl.nn.kinds import build
from mrdl.nn.weights import Weights
from mrdl.paper.network import rbm
from mrdl.settings.config import TrainConfig

if TYPE_CHECKING:
    from mrdl.nn.net import Net


class MRDL(TrainJob):
    """The paper's job. Set `newnet` and `net`, then call `run()`: it reads the script's command line.

    newnet: a definition, rbm(...); net: the network of its create_net; weights: those of each shard, after `run()`.
    A class of your own, derived from it in your script, may have the hooks of TrainJob: parse, combine_rule.

    MRDL.newnet, MRDL.net = newnet, net
    MRDL.run()  # python3 script.py data.csv -r hadoop
    """

    newnet: ClassVar[rbm | None] = None
    net: ClassVar["Net | None"] = None
    weights: ClassVar[list[Weights]] = []

    @classmethod
    def run(cls) -> None:
        """Train; leaves the weights of each shard in `weights`, and puts the network on a redirected standard output.

        Raises ConfigError where `newnet` or `net` is not set. Ends the script with a message and an exit status where
        the settings, the data or a job are wrong, and where Hadoop runs the script as a task.
        """
        if is_task():
            super().run()
            sys.exit(0)  # what follows in the script is not for tasks
        from mrdl.cli import main as cli  # upward, as in TrainJob.run

        newnet, net = cls.newnet, cls.net
        if newnet is None or net is None:
            raise ConfigError("MRDL.newnet and MRDL.net must be set before MRDL.run()")
        found: list[Model] = []
        status = cli.main(
            ["train", *sys.argv[1:]],
            job_class=cls._job_class(),
            defaults=cls._defaults(newnet, net),
            check=lambda config: _check_net(config, net),
            initial=net.weights(),
            keep_shards=True,
            on_model=found.append,
        )
        if status:
            sys.exit(status)
        if output.is_file():
            output.turn_to_screen()
        newnet.model = found[0]
        MRDL.weights = cls.weights = found[0].shard_weights

    @classmethod
    def _job_class(cls) -> type[TrainJob]:
        """Return the class that tasks run: without a class of the user's, one whose file they load faster."""
        if cls is not MRDL:
            return cls
        if cls.combine_rule is not None or cls.parse is not TrainJob.parse:
            raise ConfigError(
                "a hook of MRDL was set from outside, where tasks do not see it: "
                "write `class Mine(MRDL):` with the hook in it, and call Mine.run()"
            )
        return TrainJob

    @staticmethod
    def _defaults(newnet: rbm, net: "Net") -> dict[str, Any]:
        """Return the settings that the program and the paper mean, where no flag says otherwise."""
        return {
            "learning_rate": newnet.learn_rate,
            "momentum": newnet.momentum,
            "batch_size": newnet.batch_size,
            "nodes": net.architecture.nodes,
            "kind": net.architecture.kind,
            **net.architecture.options,
            "rounds": 1,
            "epochs": 10,
            "combine": "uniform",
            "warm_rows": 0,
            "weight_decay": 0.0,
            "schedule": "constant",
            "outer_momentum": 0.0,
            "outer_step": 1.0,
            "engine": "torch",  # the paper trains with PyTorch
        }


def _check_net(config: TrainConfig, net: "Net") -> None:
    """Raise ConfigError where flags ask for another network than create_net made: its weights would not fit."""
    made = net.architecture
    asked = build(config.kind, config.nodes, config.options)
    if made != asked:
        shown = [f"{each.kind} {'-'.join(map(str, each.nodes))} {dict(each.options)}" for each in (made, asked)]
        raise ConfigError(
            f"create_net made {shown[0]}, but the settings ask for {shown[1]}: "
            f"say so in the program, create_net(..., kind={config.kind!r}), and leave out the flags"
        )


MR_dist = MRDL


if __name__ == "__main__":
    MRDL.run()
