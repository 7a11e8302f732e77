"""Word knowledge the checks rest on: `words.toml` is written by hand, `wordnet.json.xz` is derived by `build`."""
