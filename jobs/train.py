"""The training job as a file of its own: copy it to read other data, or to combine in another way.

python jobs/train.py data.csv -r local       the same command as train.py, with the hooks below in it
"""

from mrdl import TrainJob


class Train(TrainJob):
    """Override `parse` for another format of lines, or set combine_rule = staticmethod(your_function)."""


if __name__ == "__main__":
    Train.run()
