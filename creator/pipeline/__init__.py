"""`run`: every stage in the data's order, only the stale ones, each as its own process."""
