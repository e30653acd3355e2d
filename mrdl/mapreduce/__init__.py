"""One job on one of three runners: command line, launch, tracking, failures."""
