"""Where runs and sweeps lie below the folder that is worked in, and how their names are written."""

PLACES = {"run": ("runs", "run.json"), "sweep": ("sweeps", "sweep.json")}
"""What is trained -> the folder that holds those that are named without one, and the file that says that it is one."""

BETWEEN = "~"  # stands for "/" in a name, so that it is one part of an address


def below(kind: str, name: str) -> str:
    """The folder of a run or a sweep of a name. kind: of PLACES.

    below("run", "lab~first") == "runs/lab/first"
    """
    return f"{PLACES[kind][0]}/{name.replace(BETWEEN, '/')}"
