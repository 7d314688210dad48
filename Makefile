# Thin: each goal calls `cargo xtask`, which does the set-up that it needs. `cargo xtask help` lists all chores.
.PHONY: build demo test bench lint

build:
	cargo xtask build
demo:
	cargo xtask demo
test:
	cargo xtask test
bench:
	cargo xtask bench
lint:
	cargo xtask lint
