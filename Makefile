.PHONY: help setup demo demo-train lint fast check test
CREATOR := .venv/bin/hllm-creator
# two at a time, handed out one by one in the order of tests/conftest.py
PYTEST := .venv/bin/pytest -q -n 2 --dist loadgroup --no-loadscope-reorder

help:
	@echo "make setup       build .venv: the CPU stack, or the GPU stack where an NVIDIA driver is present"
	@echo "make demo        run the whole system on Complete Journey and print titles"
	@echo "make demo-train  rebuild the demo's checkpoint from public inputs"
	@echo "make check       format, lint, types, layers and the fast tests"
	@echo "make test        every test"

setup:
	@bash requirements/install.sh

demo: setup
	@$(CREATOR) run --config configs/demo.toml --out runs/demo

demo-train: setup
	@$(CREATOR) run --config configs/demo-train.toml --out runs/demo-train

lint: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/pyright
	.venv/bin/lint-imports

fast: setup
	$(PYTEST) -m "not slow and not browser and not gpu"

# In 'make check test' the whole suite follows at once, so the fast tests are left to it.
check: lint $(if $(filter test,$(MAKECMDGOALS)),,fast)

test: setup
	$(PYTEST)
