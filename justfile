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

# Kills the real binary at random instants, SEEDS times twenty times, and compares.
prove-crash SEEDS="5":
    CONSORT_PROVE_SEEDS={{SEEDS}} cargo nextest run -p consort --no-capture crashes::twenty

# Answers of judges from a grammar, MANY of them: no wrong one is taken, no right one refused. Ten million take some twenty minutes.
answers MANY="10000000":
    CONSORT_ANSWERS={{MANY}} cargo nextest run -p consort-worker --cargo-profile release grammar --no-capture

# Every case of the conformance suite and a whole workflow with real agents; keeps what was found in docs/conformance.md.
conformance-full: agents
    CONSORT_CONFORMANCE=renew cargo nextest run -p consort --no-fail-fast conformance conversations

# The real agents that tests talk to, into target/agents.
agents:
    mkdir -p target/agents && cp crates/consort-testing/agents/package*.json target/agents/
    npm ci --prefix target/agents --no-audit --no-fund

# A model server for trying things by hand: `just models --scenario FILE`, `just models --players DIR`.
models *ARGS:
    cargo run -q -p consort-testing --bin models -- {{ARGS}}

# What consort costs beside the same work without it; `just bench brain reopen` measures some. See docs/benchmarks.md.
bench *NAMES:
    cargo build --release -p consort
    cargo build --release -p consort-testing --bin bench
    -target/release/bench {{NAMES}}
