.PHONY: help setup demo demo-train test check
help:
	@echo "make setup | demo | demo-train | test | check"
