"""Many trainings of any kind: what they start from, what they tell, when they end, and who is told of it.

    folder      the files of one experiment, and what became of it
    starting    how the process below is started
    supervise   the process that starts a program, watches over it and ends it
    history     numbers by step: mrdl.log writes them, any tool reads them
    variables   the same, read from what a program prints
    output      the log, and the lines that go by

A program need know nothing of all this; it may call mrdl.log.
"""
