"""A real HDFS, YARN and history server on this one machine. Standard library only: any Python can start it."""
