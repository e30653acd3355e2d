"""Commands on the folders of runs: list, show and draw them."""
