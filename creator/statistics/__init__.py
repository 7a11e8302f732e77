"""Statistics of experiments that both the analysis and a running ramp need: a ratio's effect, and looking often."""
