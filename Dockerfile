# syntax=docker/dockerfile:1
# The binary llm-log, alone and not as root. Without arguments it serves everything on port 8080:
#
#   docker build -t llm-log .
#   docker run -p 127.0.0.1:8080:8080 -v llm-log-data:/var/lib/llm-log llm-log
#
# docker-compose.yml runs the roles as containers of their own, on Kafka.

FROM rust:1.95-trixie AS build
WORKDIR /src
COPY . .
# What is downloaded and built stays in caches outside the image, so that the next build is quick.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --package cli --bin llm-log \
    && install -D target/release/llm-log /out/llm-log

FROM debian:trixie-slim
# Certificates for brokers that are reached by TLS; curl asks whether the process answers.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home llm-log \
    && install -d -o llm-log -g llm-log /var/lib/llm-log
COPY --from=build /out/llm-log /usr/local/bin/llm-log
USER llm-log
WORKDIR /var/lib/llm-log
ENV LLM_LOG_LISTEN=0.0.0.0:8080 \
    LLM_LOG_DATA=/var/lib/llm-log
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["llm-log"]
CMD ["serve"]
