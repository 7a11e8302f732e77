"""Statistics of experiments that the analysis and a running ramp need: a ratio's effect, power, and looking often."""
