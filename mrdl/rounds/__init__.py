"""A run: plan, tasks, combine, outer step, folder, driver."""
