"""Many designs on one data set, each trained once."""
