"""Word knowledge the checks rest on: `words.toml` is written by hand, `wordnet.json` is derived by `build`."""
