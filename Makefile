# Doors: each target is one call. The work is done by rst (crates/) and cargo.
.PHONY: help install-deps install-test-deps build-podman build-buildah build-skopeo check test trial soak rebuild-test container-test bench bench-usual bench-containers

help: ## Show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install-deps: ## Install what building needs, if anything is missing
	@./scripts/install-deps.sh

install-test-deps: ## The same, with what trying containers needs
	@./scripts/install-deps.sh test

build-podman: install-deps ## Build, prove and pack podman for this machine, into dist/
	@./scripts/build-tool.sh podman

build-buildah: install-deps ## The same for buildah
	@./scripts/build-tool.sh buildah

build-skopeo: install-deps ## The same for skopeo
	@./scripts/build-tool.sh skopeo

check: install-deps ## Format, lints, unit and behaviour tests: for while one works
	@cargo fmt --all --check
	@cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
	@cargo test --locked --workspace

test: install-test-deps check ## All of check, and real builds, proofs and containers
	@./scripts/test-builds.sh

trial: install-test-deps ## Try podman from dist/ on this host and in all virtual machines
	@./scripts/trial.sh

soak: install-deps ## Build 200 times (BUILDS) while processes are killed, disks full and files damaged
	@RST_SOAK_BUILDS=$(or $(BUILDS),200) cargo test --locked --workspace --test soak -- --ignored --nocapture

rebuild-test: install-test-deps ## Build all archives of dist/ again, elsewhere and otherwise, and compare bit for bit
	@./scripts/rebuild-test.sh

container-test: install-test-deps ## Build all in C and skopeo by Debian's musl GCC, run a container, take what Alpine signed; for root
	@cargo test --locked --workspace --test container --test alpine -- --ignored --nocapture

bench: install-deps ## Measure builds, and write docs/benchmarks.md
	@cargo run --locked --quiet --release -p rst-bench

bench-usual: install-test-deps ## Measure C components beside builds by the distribution's gcc; for root
	@cargo run --locked --quiet --release -p rst-bench -- usual

bench-containers: install-test-deps ## Measure dist/'s podman beside Debian's, and write docs/benchmarks.md; for root
	@cargo run --locked --quiet --release -p rst-bench -- $(or $(ARCHIVES),dist/podman-full-linux-$(shell dpkg --print-architecture).tar.zst)
