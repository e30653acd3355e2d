"""How designs are trained: packs of small ones in processes here or in map tasks, large ones as trainings."""
