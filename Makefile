.PHONY: check test lock clean

check: ## linters and the tests that need no root
	scripts/check
	scripts/test tests/unit

test: ## everything; needs root
	scripts/test

lock: ## pin what pyproject.toml asks for (needs uv)
	scripts/lock

clean: ## what the tools left behind in this clone
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find emulator tests -name __pycache__ -type d -exec rm -rf {} +
