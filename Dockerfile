# Two stages: the first installs, the second carries only what runs. Both use the same Python.
FROM python:3.11.14-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src

RUN python -m venv /opt/bridge

# Dependencies change seldom: their layer stays while the code changes. Every file is checked against its hash.
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/bridge/bin/pip install --require-hashes --requirement requirements/runtime.txt

# The build backend is in the lock too: nothing is fetched here.
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
RUN /opt/bridge/bin/pip install --no-deps --no-build-isolation .


FROM python:3.11.14-slim-bookworm

LABEL org.opencontainers.image.title="minerva-bridge" \
      org.opencontainers.image.licenses="Apache-2.0"

# A fixed uid, so that volumes and security policies can name it.
RUN groupadd --system --gid 10001 bridge \
    && useradd --system --uid 10001 --gid bridge --no-create-home --home-dir /data --shell /usr/sbin/nologin bridge \
    && install --directory --owner=bridge --group=bridge --mode=0750 /data

COPY --from=build /opt/bridge /opt/bridge

# Listening on every address asks for BRIDGE_CONSOLE__TOKEN: without one the worker does not start.
ENV PATH="/opt/bridge/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BRIDGE_CONSOLE__HOST=0.0.0.0 \
    BRIDGE_DATABASE_URL=sqlite:////data/bridge.db

WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM

# http.client, not urllib: it knows no proxy variables. Give the port as BRIDGE_CONSOLE__PORT: a TOML file is not read here.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; peer = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('BRIDGE_CONSOLE__PORT') or 8080), timeout=4); peer.request('GET', '/livez'); sys.exit(peer.getresponse().status != 200)"]

ENTRYPOINT ["bridge"]
CMD ["run"]
