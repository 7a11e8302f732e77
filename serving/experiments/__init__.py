"""Who sees which variation of an experiment: hashing, assignment, ramps and the guardrails that stop them."""
