"""A fact check that is learned: a small cross-encoder reads ad and title together and says how likely an error is."""
