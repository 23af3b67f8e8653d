"""A checkpoint over a whole cohort: scored, compared, stratified, validated, and given away as files."""
