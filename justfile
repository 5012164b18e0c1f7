# What people who work on consort type. `just` lists it.

_default:
    @just --list

# All tests.
test *ARGS:
    cargo nextest run --workspace {{ARGS}}

# What CI runs.
ci:
    .ci/run

# Format and lint.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# The demo, in a fresh directory.
demo DIR="":
    cargo run --release -- demo {{DIR}}

# What consort costs beside the same work without it; `just bench brain reopen` measures some. See docs/benchmarks.md.
bench *NAMES:
    cargo build --release -p consort
    cargo build --release -p consort-testing --bin bench
    -target/release/bench {{NAMES}}
