"""The paper's names and signatures, so that its programs run as printed (Khan et al. 2019)."""
