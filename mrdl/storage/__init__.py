"""Bytes at rest: files here and in HDFS, written whole or not at all, held by one process."""
