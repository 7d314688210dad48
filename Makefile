# Thin: each goal calls `cargo xtask`, which does the set-up that it needs. `cargo xtask help` lists all chores.
.PHONY: build demo test diff bench lint dist

build:
	cargo xtask build
demo:
	cargo xtask demo
test:
	cargo xtask test
diff:
	cargo xtask diff
bench:
	cargo xtask bench
lint:
	cargo xtask lint
dist:
	cargo xtask dist
