# Short names for the commands of the README; nothing needs them.
.PHONY: demo test check lock
demo:
	python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt && .venv/bin/python manage.py demo
test:
	python3 -m venv .venv && .venv/bin/pip install -q -r requirements-dev.txt && .venv/bin/pytest -q
check:
	.ci/run
# Pin what pyproject.toml asks for, for every Python that it allows, with hashes.
lock:
	.venv/bin/uv pip compile pyproject.toml --universal --fork-strategy requires-python --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements.txt
	.venv/bin/uv pip compile pyproject.toml --group dev --universal --fork-strategy requires-python --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements-dev.txt
	.venv/bin/uv pip compile --group benchmarks --constraints requirements.txt --universal --fork-strategy requires-python \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements-benchmarks.txt
