"""What a model says of one case and why: maps, attributions, tests of them, what-ifs, stories."""
