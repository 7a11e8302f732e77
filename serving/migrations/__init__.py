"""The store's migrations, one file a step, applied by `Store.prepare`."""
