# The sidecar as an image: docker build --tag streamline-sidecar:0.1.0 .
# How to run it: docs/operations.md, "In a container". Needs nothing of BuildKit's: podman, buildah and kaniko build it too.

# One Debian for all stages: the last one's libraries are those that the build has linked with.
FROM node:24.21.0-bookworm-slim AS base

FROM base AS build
# What scripts/setup would install by itself, in a layer of its own. ca-certificates: npm's downloads.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates g++ make python3 \
  libssl-dev libsasl2-dev libzstd-dev zlib1g-dev libcurl4-openssl-dev liblz4-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/streamline
# The slow part, which depends on these files only: npm's packages, the Kafka client's addon (downloaded, else compiled) and the bridge.
COPY package.json package-lock.json .npmrc ./
COPY scripts/with-setup.mjs scripts/
COPY scripts/setup scripts/setup
COPY native/src native/src
RUN node scripts/with-setup.mjs set-up
COPY tsconfig.json tsconfig.build.json LICENSE ./
COPY scripts scripts
COPY src src
# Sources and headers of the addon stay behind, with what only development needs. The SDK for traces, which others install when they want it, is there
# for whoever sets OTEL_*: nothing can be installed later.
RUN node scripts/with-setup.mjs build \
  && npm pkg set "dependencies.@opentelemetry/sdk-node=$(node -p "require('./package.json').devDependencies['@opentelemetry/sdk-node']")" \
  && npm pkg delete devDependencies peerDependencies peerDependenciesMeta \
  && npm install --ignore-scripts --no-audit --no-fund \
  && find node_modules/@confluentinc/kafka-javascript -mindepth 1 -maxdepth 1 \
  ! -name build ! -name lib ! -name util ! -name librdkafka.js ! -name package.json ! -name 'LICENSE*' -exec rm -rf {} + \
  && rm -rf node_modules/@confluentinc/kafka-javascript/build/deps/include \
  && chmod 0755 dist/bin/streamline-sidecar.js dist/bin/streamline-cli.js

# Demo events without end, for docker-compose.yml.
FROM build AS load
COPY examples/data examples/data
USER 1000:1000
ENTRYPOINT ["node", "scripts/load.ts"]

FROM base AS sidecar
LABEL org.opencontainers.image.title="streamline-sidecar" \
  org.opencontainers.image.description="Passes Kafka records through sandboxed WebAssembly transforms, one YAML spec each" \
  org.opencontainers.image.licenses="Apache-2.0"
# What the addons are linked with. tini is process 1, because the kernel keeps every signal from process 1 that it does not handle, and
# the SIGKILL with which a sidecar ends itself when a drain hangs too. npm and yarn have nothing to do here.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates tini \
  libcurl4 liblz4-1 libsasl2-2 libssl3 libstdc++6 libzstd1 zlib1g \
  && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
  /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* \
  && groupadd --gid 10001 streamline \
  && useradd --uid 10001 --gid streamline --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin streamline \
  && install --directory --owner=streamline --group=streamline --mode=0755 \
  /var/lib/streamline /var/lib/streamline/specs /var/lib/streamline/modules \
  && install --directory --owner=streamline --group=streamline --mode=0700 /var/lib/streamline/state /var/cache/streamline \
  && ln -s /opt/streamline/dist/bin/streamline-sidecar.js /usr/local/bin/streamline-sidecar \
  && ln -s /opt/streamline/dist/bin/streamline-cli.js /usr/local/bin/streamline-cli
WORKDIR /opt/streamline
COPY --from=build /opt/streamline/package.json /opt/streamline/LICENSE ./
COPY --from=build /opt/streamline/node_modules node_modules
COPY --from=build /opt/streamline/native/build native/build
COPY --from=build /opt/streamline/dist dist
COPY deploy/docker/health.mjs ./
COPY deploy/docker/sidecar.yaml /etc/streamline/sidecar.yaml
RUN chmod a+r package.json LICENSE health.mjs /etc/streamline/sidecar.yaml
# For streamline-cli in the container. A path, no token:
# hadolint ignore=DL3064
ENV STREAMLINE_TOKEN_FILE=/run/secrets/admin-token
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
# Both addons load here, as that user, or there is no image: a library that is missing shows now.
RUN node -e "require('@confluentinc/kafka-javascript'); require('./native/build/streamline_kafka.node')" \
  && streamline-sidecar --version \
  && streamline-cli --version
EXPOSE 8084
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "/opt/streamline/health.mjs"]
ENTRYPOINT ["tini", "--", "streamline-sidecar"]
CMD ["run", "--config", "/etc/streamline/sidecar.yaml"]
