"""What a model is: grammar, distributions, maps, schema and sites. Frozen records; no torch, no numpy."""
