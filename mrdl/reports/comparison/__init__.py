"""Two or more sweeps side by side: which designs, and which rules of design, do well on all their data."""
