# Every target sets itself up. Directories: EXPORTS_DIR, WAREHOUSE_DIR (and AS_OF for an earlier night).
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PROOFS := tests/proof $(patsubst %,tests/test_%.py,laws privacy erasure upkeep alerts)
export EXPORTS_DIR WAREHOUSE_DIR DAGSTER_HOME
export DO_NOT_TRACK := 1
# Settings of other dbt projects have no say here.
unexport $(filter DBT_%,$(.VARIABLES))

help: ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-compile --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/pip check --disable-pip-version-check
	$(BIN)/python -m compileall -q -j 2 .venv/lib orchestration || true
	touch $@

.venv/spark: .venv/ready requirements-spark.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-compile --requirement requirements-spark.lock
	$(BIN)/pip check --disable-pip-version-check
	touch $@

run: .venv/$(if $(filter spark,$(ENGINE)),spark,ready) ## run the nightly job once: make run [EXPORTS_DIR=dir] [WAREHOUSE_DIR=dir] [AS_OF=day] [ENGINE=spark]
	$(BIN)/warehouse run $(if $(AS_OF),--as-of $(AS_OF)) $(if $(ENGINE),--engine $(ENGINE))

test: .venv/ready lint ## everything that proves it: lint, models, laws, nights; and which lines ran
	$(BIN)/pytest --cov

prove: .venv/ready ## the proofs in their long form, and a table of what was tried
	$(BIN)/pytest $(PROOFS) --long --dist worksteal

prove-spark: .venv/spark ## Spark builds the same: golden nights, the sample on a cluster that loses a worker, the wall
	$(BIN)/pytest $(wildcard tests/test_spark*.py) --long -n 0

lint: .venv/ready ## style, types, the wall, SQL that both engines understand
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar models tests/laws
	WAREHOUSE_DIR=. $(BIN)/dbt parse --quiet
	$(BIN)/python -m orchestration.build.wall target/manifest.json
	PYTHONPATH=tests/lint WAREHOUSE_DIR=. $(BIN)/dbt --quiet --no-populate-cache compile --no-introspect \
		--target spark --target-path target/spark --exclude tag:duckdb
	$(BIN)/python -m orchestration.build.two_engines target/spark/manifest.json

dev: .venv/ready ## the Dagster UI and daemon on 127.0.0.1:3000: make dev [PORT=port]
	$(BIN)/warehouse dev $(if $(PORT),--port $(PORT))

bench: .venv/ready ## what a night costs at size, beside what it may cost: make bench [ROWS="1000000 5000000"]
	$(BIN)/python -m bench data/bench $(or $(ROWS),1000000 5000000)

bench-spark: .venv/spark ## both engines at size: make bench-spark [ROWS="1000000 5000000 20000000"]
	SPARK_MASTER=$(or $(SPARK_MASTER),local[2]) $(BIN)/python -m bench.spark data/bench/spark \
		$(or $(ROWS),1000000 5000000 20000000)

scoring: .venv/ready ## seconds of policies and explanations at size: make scoring [ACTS=10000000]
	MEMORY_LIMIT=$(or $(MEMORY_LIMIT),4GB) $(BIN)/python -m bench.scoring $(or $(ACTS),10000000) data/bench/scoring

docs: export WAREHOUSE_DIR := target/docs
docs: .venv/ready ## the dbt docs as one page, and docs/lineage.md
	$(BIN)/python -m orchestration.build.outline
	$(BIN)/dbt build --exclude-resource-type test unit_test --quiet
	$(BIN)/dbt docs generate --no-compile --static --quiet
	$(BIN)/python -m orchestration.build.lineage target/manifest.json
	@echo "target/static_index.html"

pictures: export WAREHOUSE_DIR := target/pictures
pictures: .venv/ready ## the README's pictures, of the sample's site; needs Debian's package chromium
	$(BIN)/warehouse run > target/pictures.log
	scene=$$($(BIN)/warehouse query --format csv \
		"select scope_id from scope where label = 'Houston punk, Texas'" | tail -n 1); \
	for shot in "scene public/scopes/$$scene" "last-night internal/index"; do set -- $$shot; \
		chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --virtual-time-budget=8000 \
			--window-size=1000,1240 --screenshot=docs/pictures/$$1.png "file://$$PWD/target/pictures/site/$$2.html"; \
	done

contract: .venv/ready ## what the product's tables promise: models/product_contract.csv
	WAREHOUSE_DIR=. $(BIN)/dbt parse --quiet
	$(BIN)/python -m orchestration.build.product_contract target/manifest.json

.PHONY: help run test prove prove-spark lint dev bench bench-spark scoring docs contract pictures
