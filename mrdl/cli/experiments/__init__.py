"""The verbs of `mrdl exp`.

verbs tells the parser of them, program makes one specification of what was said, and run, queue and views do what is
asked. What an experiment is and does stands in mrdl.experiments: here options are read, and words are printed.
"""
