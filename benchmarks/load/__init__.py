"""Twenty people use the app at once for half an hour: who they are, what is watched, and the report."""
