"""HDFS by its web interface: which refusals a run waits for is decided by Hadoop's exception, not by its words."""

import hdfs
import pytest

from mrdl.cluster import webhdfs
from mrdl.cluster.yarn import Cluster
from mrdl.errors import SetupError, Unavailable

CLUSTER = Cluster("c:1", "http://c:2", "http://c:3", "http://c:4", "ann", kerberos=False)
# what NameNodes of Hadoop 3.5 answer: class, message
PASSING = [
    ("SafeModeException", "Cannot create file/x. Name node is in safe mode."),
    ("RetriableException", "Namenode is in startup mode"),
    ("RetriableException", "NameNode still not started"),
    ("StandbyException", "Operation category READ is not supported in state standby"),
    ("NSQuotaExceededException", "The NameSpace quota (directories and files) of directory /d is exceeded"),
    ("DSQuotaExceededException", "The DiskSpace quota of /d is exceeded"),
    ("IOException", "File /x could only be written to 0 of the 1 minReplication nodes."),
    ("IOException", "Failed to find datanode, suggest to check cluster health. excludeDatanodes=null"),
    ("BlockMissingException", "Could not obtain block: BP-1 file=/x"),
    (None, "<html>org.apache.hadoop.hdfs.server.namenode.SafeModeException</html>"),
]
FINAL = [
    ("AccessControlException", 'Permission denied: user=ann, access=READ, inode="/data/safemode"'),
    ("AccessControlException", 'Permission denied: user=ann, inode="/logs/No space left"'),
    ("FileNotFoundException", "File /not started/x does not exist."),
    ("IOException", "Path is not a file: /data"),
]


@pytest.mark.parametrize(("exception", "message"), PASSING)
def test_a_refusal_that_passes_is_waited_for(exception, message):
    with pytest.raises(Unavailable, match="HDFS refused"), webhdfs._reachable(CLUSTER):
        raise hdfs.HdfsError(message, exception=exception)


@pytest.mark.parametrize(("exception", "message"), FINAL)
def test_any_other_is_told_at_once_whatever_the_names_in_it(exception, message):
    with pytest.raises(SetupError, match="HDFS refused") as caught, webhdfs._reachable(CLUSTER):
        raise hdfs.HdfsError(message, exception=exception)
    assert not isinstance(caught.value, Unavailable)
