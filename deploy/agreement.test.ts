// What the image, the compose file, the unit and the manifests say of the sidecar is what the code has.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { NODE_ARGUMENTS } from '../src/catalog/compilation-mode.ts';
import { parseSpec } from '../src/spec/parse-spec.ts';
import { sidecarSchema } from '../src/spec/sidecar-schema.ts';
import { aptPackages, dockerStages, read, readYaml, ROOT, shippedConfig } from './testing/deployment-files.ts';

const { version, bin } = JSON.parse(read('package.json')) as {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
};
const PORT = sidecarSchema.parse({}).http.port;
const USER = 10001;
const DRAIN_MS = sidecarSchema.parse({}).limits.drain_timeout_ms;
/** What streamline-sidecar.ts waits before it gives a drain up. */
const GRACE_MS = Number(/STOP_GRACE_MS = (\d+)/.exec(read('src/bin/streamline-sidecar.ts'))?.[1]);
const STOP_SECONDS_MIN = (2 * DRAIN_MS + GRACE_MS) / 1000;

const stages = dockerStages();
const stage = (name: string) => {
  const found = stages.find((candidate) => candidate.name === name);
  assert.ok(found !== undefined, name);
  return found;
};
const valuesOf = (name: string, instruction: string): string[] =>
  stage(name).instructions.flatMap(([word, text]) => (word === instruction ? [text] : []));

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
  readonly read_only?: boolean;
  readonly restart?: string;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const compose = readYaml('docker-compose.yml') as Compose;

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
        readonly containers: readonly [Container];
        readonly volumes: readonly ({ readonly name: string } & Readonly<Record<string, unknown>>)[];
      };
    };
  };
}

const pod = (readYaml('deploy/kubernetes/base/deployment.yaml') as Deployment).spec.template.spec;
const unit = read('deploy/systemd/streamline-sidecar.service');
const unitValues = (key: string): string[] =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);

test('every sidecar.yaml of deploy/ is taken; beyond loopback each has a token, from a file', () => {
  const files = globSync('deploy/**/sidecar.yaml', { cwd: ROOT });
  assert.equal(files.length, 4);
  for (const file of files) {
    const { config, secrets } = shippedConfig(file);
    assert.equal(config.http.port, PORT, file);
    assert.equal(config.http.address, '0.0.0.0', file);
    assert.ok(config.http.adminToken !== undefined, file);
    assert.ok(
      secrets.some((secret) => secret.from === 'file' && secret.path.endsWith('/admin-token')),
      file,
    );
  }
});

test('every image has a version, the one of what it goes with', () => {
  const images = [
    ...stages.map(({ from }) => from).filter((from) => !stages.some(({ name }) => name === from)),
    ...Object.values(compose.services).map(({ image }) => image),
    pod.containers[0].image,
  ];
  for (const image of images) assert.match(image, /^[\w./-]+:v?\d+\.\d+\.\d+(-[\w.-]+)?$/);
  const nodeVersion = /VERSION = '([\d.]+)'/.exec(read('scripts/setup/node.mjs'))?.[1];
  assert.equal(stage('base').from, `node:${nodeVersion}-bookworm-slim`);
  assert.equal(compose.services['sidecar']?.image, `streamline-sidecar:${version}`);
  assert.equal(compose.services['load']?.image, `streamline-load:${version}`);
  assert.equal(pod.containers[0].image, `streamline-sidecar:${version}`);
  const overlay = readYaml('deploy/kubernetes/overlays/example/kustomization.yaml') as {
    readonly images: readonly { readonly name: string; readonly newTag: string }[];
  };
  assert.deepEqual(
    overlay.images.map(({ name, newTag }) => [name, newTag]),
    [['streamline-sidecar', version]],
  );
  for (const file of ['Dockerfile', 'docs/operations.md']) {
    const named = [...read(file).matchAll(/streamline-(?:sidecar|load):(\S+?)(?=[`\s])/g)].map(([, tag]) => tag);
    assert.deepEqual([...new Set(named)], [version], file);
  }
  const redpanda = /REDPANDA = '([^']+)'/.exec(read('testcontainers.config.ts'))?.[1];
  for (const name of ['redpanda', 'setup']) assert.equal(compose.services[name]?.image, redpanda);
});

test('the image builds with what the set-up would install, and runs with what that has linked', () => {
  const tools = read('scripts/setup/build-tools.mjs');
  const block = /DEBIAN_PACKAGES = \[([\s\S]*?)\];/.exec(tools)?.[1] ?? '';
  const wanted = [...block.matchAll(/'([^']+)'/g)].map(([, name = '']) => name);
  assert.ok(wanted.length > 5);
  assert.deepEqual(aptPackages(stage('build')).toSorted(), [...wanted, 'ca-certificates'].toSorted());
  // Each -dev package by the name of its library in that Debian.
  const libraries: Readonly<Record<string, string>> = {
    'libssl-dev': 'libssl3',
    'libsasl2-dev': 'libsasl2-2',
    'libzstd-dev': 'libzstd1',
    'zlib1g-dev': 'zlib1g',
    'libcurl4-openssl-dev': 'libcurl4',
    'liblz4-dev': 'liblz4-1',
    'g++': 'libstdc++6',
  };
  const runs = aptPackages(stage('sidecar'));
  for (const name of wanted) if (name.endsWith('-dev')) assert.ok(name in libraries, name);
  for (const library of Object.values(libraries)) assert.ok(runs.includes(library), library);
  // librdkafka looks for the system's authorities.
  assert.ok(runs.includes('ca-certificates'));
});

test('the image copies what there is, and .dockerignore lets it through', () => {
  const kept = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  for (const { instructions } of stages) {
    for (const [instruction, text] of instructions) {
      if (instruction !== 'COPY' || text.startsWith('--from')) continue;
      for (const source of text.split(/\s+/).slice(0, -1)) {
        assert.ok(existsSync(join(ROOT, source)), source);
        assert.ok(
          kept.some((path) => source === path || source.startsWith(`${path}/`)),
          `${source} is ignored`,
        );
      }
    }
  }
  for (const path of kept) assert.ok(existsSync(join(ROOT, path)), path);
  const setUp = valuesOf('build', 'RUN').some((text) => text === 'node scripts/with-setup.mjs set-up');
  assert.ok(setUp && read('scripts/with-setup.mjs').includes(`'set-up':`));
});

test('the image runs the packaged programs as a user of its own, on the port of the code, checked where that answers', () => {
  assert.deepEqual(valuesOf('sidecar', 'USER'), [`${USER}:${USER}`]);
  assert.deepEqual(valuesOf('sidecar', 'EXPOSE'), [String(PORT)]);
  assert.deepEqual(valuesOf('sidecar', 'ENTRYPOINT'), ['["tini", "--", "streamline-sidecar"]']);
  assert.deepEqual(valuesOf('sidecar', 'CMD'), ['["run", "--config", "/etc/streamline/sidecar.yaml"]']);
  assert.deepEqual(valuesOf('sidecar', 'WORKDIR'), ['/opt/streamline']);
  for (const [name, file] of Object.entries(bin)) {
    assert.ok(
      valuesOf('sidecar', 'RUN').some((text) => text.includes(`ln -s /opt/streamline/${file} /usr/local/bin/${name}`)),
      name,
    );
  }
  const [healthcheck = ''] = valuesOf('sidecar', 'HEALTHCHECK');
  assert.match(healthcheck, /CMD \["node", "\/opt\/streamline\/health\.mjs"\]$/);
  assert.ok(valuesOf('sidecar', 'COPY').includes('deploy/docker/health.mjs ./'));
  const health = read('deploy/docker/health.mjs');
  assert.ok(health.includes(`http://127.0.0.1:${PORT}/readyz`));
  // It gives up before Docker does.
  const timeoutMs = Number(/TIMEOUT_MS = (\d+)/.exec(health)?.[1]);
  assert.ok(timeoutMs < Number(/--timeout=(\d+)s/.exec(healthcheck)?.[1]) * 1000);
});

test('every variable that is set for a sidecar is one that is read, and no one else is', () => {
  const set = new Map<string, string>();
  for (const text of valuesOf('sidecar', 'ENV')) {
    const [name = '', value = ''] = text.split('=');
    set.set(name, value);
  }
  for (const { name, value } of pod.containers[0].env) set.set(name, value);
  for (const name of Object.keys(compose.services['sidecar']?.environment ?? {})) set.set(name, '');
  const sources = [...globSync('src/**/*.ts', { cwd: ROOT }), 'deploy/docker/health.mjs'].map(read).join('\n');
  for (const name of set.keys()) assert.ok(sources.includes(`'${name}'`), name);
  assert.deepEqual([...set.keys()], ['STREAMLINE_TOKEN_FILE']);
  // The token's place in the image's own sidecar.yaml, and in the pod's.
  const tokenOf = (file: string): string[] =>
    shippedConfig(file).secrets.flatMap((secret) => (secret.from === 'file' ? [secret.path] : []));
  assert.deepEqual(valuesOf('sidecar', 'ENV'), [`STREAMLINE_TOKEN_FILE=${tokenOf('deploy/docker/sidecar.yaml')[0]}`]);
  assert.ok(tokenOf('deploy/compose/sidecar.yaml').includes(tokenOf('deploy/docker/sidecar.yaml')[0] ?? ''));
  assert.ok(
    tokenOf('deploy/kubernetes/overlays/example/sidecar.yaml').includes(set.get('STREAMLINE_TOKEN_FILE') ?? ''),
  );
});

/** What a container is told to mount, against what the sidecar.yaml in it says. */
function assertMounts(
  file: string,
  mounts: readonly { readonly path: string; readonly writable: boolean }[],
  secretFolder: string,
): void {
  const { config, secrets } = shippedConfig(file);
  const mountOf = (path: string): { readonly path: string; readonly writable: boolean } | undefined =>
    mounts.find((mount) => path === mount.path || path.startsWith(`${mount.path}/`));
  for (const name of ['state', 'cache'] as const)
    assert.equal(mountOf(config.paths[name])?.writable, true, `${name}: ${config.paths[name]}`);
  for (const name of ['specs', 'modules'] as const)
    assert.equal(mountOf(config.paths[name])?.path, config.paths[name], name);
  // artefact-cache.ts takes no directory that belongs to somebody else.
  assert.notEqual(mountOf(config.paths.cache)?.path, config.paths.cache);
  const paths = ['/etc/streamline', ...Object.values(config.paths)];
  for (const { path } of mounts)
    assert.ok(
      path.startsWith(secretFolder) ||
        paths.some((known) => known === path || known.startsWith(`${path}/`) || path.startsWith(`${known}/`)),
      `${path} is mounted and not used`,
    );
  for (const secret of secrets)
    if (secret.from === 'file') assert.ok(posix.dirname(secret.path) === secretFolder, secret.path);
}

test('the compose file mounts what its sidecar.yaml names, writable where that writes, and what it mounts is there', () => {
  const sidecar = compose.services['sidecar'];
  assert.ok(sidecar !== undefined);
  const mounts = (sidecar.volumes ?? []).map((volume) => {
    const [source = '', path = '', mode] = volume.split(':');
    return { source, path, writable: mode !== 'ro' };
  });
  assertMounts('deploy/compose/sidecar.yaml', mounts, '/run/secrets');
  assert.equal(sidecar.read_only, true);
  const secrets = shippedConfig('deploy/compose/sidecar.yaml').secrets.map((secret) =>
    secret.from === 'file' ? posix.basename(secret.path) : '',
  );
  assert.deepEqual(sidecar.secrets?.toSorted(), secrets.toSorted());
  // The image's own directories are what a new volume begins with, their owner too.
  const owned = valuesOf('sidecar', 'RUN').join('\n');
  for (const { source, path } of mounts) {
    if (source.startsWith('./')) continue;
    assert.ok(source in compose.volumes, source);
    assert.match(owned, new RegExp(`--owner=streamline [^&]*--mode=0700[^&]* ${path}\\b`));
  }
  for (const { volumes = [] } of Object.values(compose.services)) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('./')) assert.ok(existsSync(join(ROOT, source)), source);
      else assert.ok(source in compose.volumes, source);
    }
  }
  for (const { file } of Object.values(compose.secrets)) assert.ok(existsSync(join(ROOT, file)), file);
});

test('the compose file: what is always there is as it was, all else needs the profile, and whatever ends is waited for', () => {
  const always = Object.entries(compose.services).filter(([, { profiles }]) => profiles === undefined);
  assert.deepEqual(
    always.map(([name]) => name),
    ['redpanda'],
  );
  const waited = new Set<string>();
  for (const [name, service] of Object.entries(compose.services)) {
    for (const [on, { condition }] of Object.entries(service.depends_on ?? {})) {
      const other = compose.services[on];
      assert.ok(other !== undefined, `${name} waits for ${on}`);
      assert.ok(
        other.profiles === undefined || other.profiles.every((profile) => service.profiles?.includes(profile)),
        `${name} waits for ${on}, which is not started with it`,
      );
      if (condition === 'service_completed_successfully') waited.add(on);
      if (condition === 'service_healthy')
        assert.ok(other.healthcheck !== undefined || other.build?.target === 'sidecar', `${on} has no health check`);
    }
    for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/, name);
    for (const secret of service.secrets ?? []) assert.ok(secret in compose.secrets, secret);
    if (service.build !== undefined) assert.ok(stages.some((known) => known.name === service.build?.target));
  }
  // `up --wait` takes a container that ended for a failure unless another waits for its end.
  for (const [name, { restart }] of Object.entries(compose.services))
    if (restart === 'no') assert.ok(waited.has(name), name);
  assert.deepEqual(compose.services['sidecar']?.ports, [`127.0.0.1:${PORT}:${PORT}`]);
});

test('what the compose services say to each other is where they listen', () => {
  const { config } = shippedConfig('deploy/compose/sidecar.yaml');
  const redpanda = compose.services['redpanda']?.command?.join(' ') ?? '';
  const bootstrap = String(config.kafka.reveal()['bootstrap.servers']);
  assert.ok(redpanda.includes(`--advertise-kafka-addr=internal://${bootstrap},`));
  assert.deepEqual(compose.services['load']?.command?.slice(0, 2), ['--bootstrap', bootstrap]);
  assert.equal(config.schemaRegistry?.url, 'http://redpanda:8081');
  assert.ok(redpanda.includes('--schema-registry-addr=0.0.0.0:8081'));
  const setup = compose.services['setup']?.command?.join('\n') ?? '';
  for (const file of globSync('specs/!(*.test).yaml', { cwd: ROOT })) {
    const spec = parseSpec(read(file), file);
    assert.ok('config' in spec);
    for (const topic of [spec.config.inputTopic, spec.config.outputTopic, spec.config.errors.deadLetterTopic])
      if (topic !== undefined) assert.match(setup, new RegExp(`\\s${topic}[\\s;]`), `${file}: ${topic}`);
  }
});

interface Scrape {
  readonly scrape_configs: readonly {
    readonly job_name: string;
    readonly authorization: { readonly credentials_file: string };
    readonly static_configs: readonly { readonly targets: readonly string[] }[];
  }[];
}

test('Prometheus and Grafana find each other and the sidecar', () => {
  const { scrape_configs: scrapes } = readYaml('monitoring/prometheus/prometheus.yml') as Scrape;
  const streamline = scrapes.find(({ job_name: job }) => job === 'streamline');
  assert.deepEqual(
    streamline?.static_configs.flatMap(({ targets }) => targets),
    [`sidecar:${PORT}`],
  );
  const token = streamline?.authorization.credentials_file ?? '';
  assert.equal(posix.dirname(token), '/run/secrets');
  assert.ok(compose.services['prometheus']?.secrets?.includes(posix.basename(token)));
  const { datasources } = readYaml('monitoring/grafana/provisioning/datasources/prometheus.yml') as {
    readonly datasources: readonly { readonly url: string }[];
  };
  assert.deepEqual(
    datasources.map(({ url }) => url),
    ['http://prometheus:9090'],
  );
  const { providers } = readYaml('monitoring/grafana/provisioning/dashboards/streamline.yml') as {
    readonly providers: readonly { readonly options: { readonly path: string } }[];
  };
  const grafana = compose.services['grafana'];
  for (const { options } of providers)
    assert.ok(grafana?.volumes?.includes(`./monitoring/grafana/dashboards:${options.path}:ro`), options.path);
  const home = grafana?.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH'] ?? '';
  assert.ok(existsSync(join(ROOT, 'monitoring/grafana/dashboards', posix.basename(home))), home);
  const monitor = read('deploy/kubernetes/components/pod-monitor/pod-monitor.yaml');
  assert.match(monitor, /targetLabel: job, replacement: streamline\b/);
});

test('the pod mounts what its sidecar.yaml names, and gets what the overlay makes', () => {
  const [container] = pod.containers;
  const mounts = container.volumeMounts.map(({ mountPath, readOnly }) => ({
    path: mountPath,
    writable: readOnly !== true,
  }));
  const file = 'deploy/kubernetes/overlays/example/sidecar.yaml';
  assertMounts(file, mounts, '/run/secrets/streamline');
  assert.deepEqual(
    container.volumeMounts.map(({ name }) => name).toSorted(),
    pod.volumes.map(({ name }) => name).toSorted(),
  );
  assert.deepEqual(container.args, ['run', '--config', '/etc/streamline/sidecar.yaml']);
  assert.deepEqual(container.ports, [{ name: 'http', containerPort: PORT }]);
  assert.deepEqual([pod.securityContext.runAsUser, pod.securityContext.runAsGroup], [USER, USER]);
  const probes = read('deploy/kubernetes/base/deployment.yaml');
  for (const path of ['/livez', '/readyz']) assert.ok(probes.includes(`path: ${path}, port: http`));

  interface Generator {
    readonly name: string;
    readonly files: readonly string[];
    readonly options?: { readonly disableNameSuffixHash: boolean };
  }
  const { configMapGenerator: made } = readYaml('deploy/kubernetes/overlays/example/kustomization.yaml') as {
    readonly configMapGenerator: readonly Generator[];
  };
  const wanted = pod.volumes.flatMap((volume) =>
    'configMap' in volume ? [(volume['configMap'] as { readonly name: string }).name] : [],
  );
  assert.deepEqual(made.map(({ name }) => name).toSorted(), wanted.toSorted());
  // What is read once rolls out when it changes; what is watched does not.
  for (const { name, options } of made)
    assert.equal(options?.disableNameSuffixHash === true, name !== 'streamline-config', name);

  const modules =
    made.find(({ name }) => name === 'streamline-modules')?.files.map((path) => posix.basename(path)) ?? [];
  for (const path of made.find(({ name }) => name === 'streamline-specs')?.files ?? []) {
    const spec = parseSpec(read(join('deploy/kubernetes/overlays/example', path)), path);
    assert.ok('config' in spec);
    // A ConfigMap's keys are no paths.
    for (const { wasmModule } of spec.config.stages) assert.ok(modules.includes(wasmModule), wasmModule);
  }
  const module = 'mask_pii.wasm';
  assert.deepEqual(
    readFileSync(join(ROOT, 'deploy/kubernetes/overlays/example/modules', module)),
    readFileSync(join(ROOT, 'modules/transforms', module)),
  );
});

test('the autoscaler asks for the lag of groups and topics that the specs beside it have', () => {
  interface Scaled {
    readonly spec: {
      readonly triggers: readonly { readonly type: string; readonly metadata: Readonly<Record<string, string>> }[];
    };
  }
  const { spec } = readYaml('deploy/kubernetes/components/keda/scaled-object.yaml') as Scaled;
  const file = 'deploy/kubernetes/overlays/example/specs/mask-pii.yaml';
  const outcome = parseSpec(read(file), file);
  assert.ok('config' in outcome);
  const { config } = shippedConfig('deploy/kubernetes/overlays/example/sidecar.yaml');
  const [trigger, ...others] = spec.triggers;
  assert.deepEqual(others, []);
  assert.equal(trigger?.type, 'kafka');
  const { bootstrapServers, consumerGroup, topic, offsetResetPolicy, ...rest } = trigger.metadata;
  assert.equal(bootstrapServers, config.kafka.reveal()['bootstrap.servers']);
  assert.equal(consumerGroup, outcome.config.input.groupId);
  assert.equal(topic, outcome.config.inputTopic);
  assert.deepEqual(outcome.config.input.start, { at: offsetResetPolicy });
  // KEDA's documentation of the scaler (2.17 and later): the schema takes any name.
  for (const [name, value] of Object.entries(rest)) {
    assert.ok(['lagThreshold', 'allowIdleConsumers', 'excludePersistentLag'].includes(name), name);
    assert.equal(typeof value, 'string', name);
  }
});

test('the unit runs the packaged program with its arguments, and its sidecar.yaml names only what it may use', () => {
  const [start = ''] = unitValues('ExecStart');
  const program = `/opt/streamline/${bin['streamline-sidecar']}`;
  assert.equal(start, `/usr/bin/node ${NODE_ARGUMENTS.join(' ')} ${program} run --config /etc/streamline/sidecar.yaml`);
  const { config, secrets } = shippedConfig('deploy/systemd/sidecar.yaml');
  const [state, cache] = [unitValues('StateDirectory'), unitValues('CacheDirectory')];
  assert.ok(config.paths.state.startsWith(`/var/lib/${state.join()}/`));
  assert.equal(config.paths.cache, `/var/cache/${cache.join()}`);
  const credentials = unitValues('LoadCredential').map((value) => value.split(':')[0]);
  for (const secret of secrets) {
    assert.ok(secret.from === 'file');
    assert.equal(posix.dirname(secret.path), '/run/credentials/streamline-sidecar.service');
    assert.ok(credentials.includes(posix.basename(secret.path)), secret.path);
  }
  // Without it no WebAssembly is compiled.
  assert.deepEqual(unitValues('MemoryDenyWriteExecute'), ['no']);
});

test('whoever stops a sidecar waits for its drain', () => {
  assert.ok(STOP_SECONDS_MIN >= 20, 'STOP_GRACE_MS is not found');
  const waits = {
    compose: Number.parseInt(compose.services['sidecar']?.stop_grace_period ?? ''),
    kubernetes: pod.terminationGracePeriodSeconds,
    systemd: Number(unitValues('TimeoutStopSec')[0]),
  };
  for (const [where, seconds] of Object.entries(waits)) assert.ok(seconds > STOP_SECONDS_MIN, `${where}: ${seconds}`);
});
