"""A job file of the user's, which is the command `mrdl train` and Hadoop's task in one."""

import sys

from mrdl.mapreduce.task import is_task
from mrdl.rounds.job import RoundJob
from mrdl.settings.user_code import refuse_while_loading


class TrainJob(RoundJob):
    """The job of a training, for a script of your own: override its hooks, and Hadoop is given your script.

    class Train(TrainJob):
        def parse(self, ...): ...      # other data
        combine_rule = staticmethod(f)  # another mean

    if __name__ == "__main__":
        Train.run()
    """

    @classmethod
    def run(cls) -> None:
        """Run as a task where mrjob says so, else as the command `mrdl train`."""
        if is_task():
            refuse_while_loading()
            super().run()
            return
        from mrdl.cli.main import main  # not for tasks

        sys.exit(main(["train", *sys.argv[1:]], job_class=cls))


if __name__ == "__main__":
    TrainJob.run()
