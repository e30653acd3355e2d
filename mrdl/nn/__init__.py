"""Networks on one machine: layers, training steps and back ends. Nothing here has heard of Hadoop or of files."""
