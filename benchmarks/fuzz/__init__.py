"""Coverage-guided fuzzing of every parser of ours (atheris, extra `fuzz`): docs/attacks.md."""
