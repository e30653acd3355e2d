"""The layer-design sweep: many architectures on one data set, each exactly once, and a table of how they did."""
