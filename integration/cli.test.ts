import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { builtProgram } from '../scripts/built.ts';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, eventually, groupIds, produceAll, readAll } from './cluster/client.ts';
import { Sidecar, sidecarHome } from './harness/sidecar.ts';
import type { SidecarHome } from './harness/sidecar-home.ts';
import { uniqueName } from './harness/spec.ts';

/* The command line as a user runs it, in a shell, against a live sidecar on a real broker. */

const RUN_MS_MAX = 90_000;
const STACK = /\n\s+at /;
const MASKED = /"email": "\*\*\*REDACTED\*\*\*"/;

/** From the design this program goes back to: "CLI Commands", word for word. */
const SEED_COMMANDS = String.raw`
# List all deployed transforms
streamline-cli transforms list

# Deploy a new transform
streamline-cli transforms deploy \
  --name mask-pii \
  --wasm ./mask_pii.wasm \
  --input raw-events \
  --output clean-events \
  --config '{"fields_to_mask": ["email", "phone", "ssn"]}'

# Deploy from a YAML spec file
streamline-cli transforms deploy --spec transforms/mask-pii.yaml

# Check transform status
streamline-cli transforms status mask-pii

# View transform metrics (messages processed, errors, avg latency)
streamline-cli transforms metrics mask-pii

# Pause a running transform
streamline-cli transforms pause mask-pii

# Resume a paused transform
streamline-cli transforms resume mask-pii

# Undeploy a transform
streamline-cli transforms undeploy mask-pii

# Validate a WASM module without deploying
streamline-cli transforms validate ./mask_pii.wasm
`;

/** "Build and deploy", after the build. */
const SEED_DEPLOY = String.raw`
# Deploy to Streamline
streamline-cli transforms deploy \
  --name mask-pii \
  --wasm target/wasm32-wasi/release/mask_pii.wasm \
  --input raw-events \
  --output clean-events \
  --config '{"fields_to_mask": ["email", "phone", "ssn"]}'

# Verify it's running
streamline-cli transforms status mask-pii
`;

const SEED_SPEC = `name: mask-pii
input_topic: raw-events
output_topic: clean-events
wasm_module: transforms/mask_pii.wasm
config:
  fields_to_mask: ["email", "phone", "ssn"]
`;

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A shell in a folder of its own, with `streamline-cli` in its PATH and the sidecar's address in its environment. */
class Shell {
  readonly #home: SidecarHome;
  readonly #url: string;

  constructor(home: SidecarHome, url: string) {
    this.#home = home;
    this.#url = url;
    const bin = join(home.folder, 'bin');
    mkdirSync(bin);
    const program = join(bin, 'streamline-cli');
    const words = [process.execPath, ...builtProgram('streamline-cli')].map((word) => `'${word}'`).join(' ');
    writeFileSync(program, `#!/bin/sh\nexec ${words} "$@"\n`);
    chmodSync(program, 0o755);
    mkdirSync(join(home.folder, 'transforms'));
    mkdirSync(join(home.folder, 'target', 'wasm32-wasi', 'release'), { recursive: true });
    for (const copy of ['mask_pii.wasm', 'target/wasm32-wasi/release/mask_pii.wasm'])
      copyFileSync(join(home.modules, 'transforms', 'mask_pii.wasm'), join(home.folder, copy));
    this.write('transforms/mask-pii.yaml', SEED_SPEC);
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.#home.folder, file), text);
  }

  read(file: string): string {
    return readFileSync(join(this.#home.folder, file), 'utf8');
  }

  /** Whatever it ends with; never with a stack. */
  run(command: string, env: Readonly<Record<string, string>> = {}): Promise<Result> {
    const { PATH = '' } = process.env;
    return new Promise((resolve) => {
      execFile(
        'sh',
        ['-c', command],
        {
          cwd: this.#home.folder,
          env: { PATH: `${join(this.#home.folder, 'bin')}:${PATH}`, STREAMLINE_URL: this.#url, ...env },
          timeout: RUN_MS_MAX,
        },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
          assert.doesNotMatch(stdout + stderr, STACK, command);
          resolve({ code, stdout, stderr });
        },
      );
    });
  }

  /** Ends with 0, says nothing on stderr, prints something. */
  async ok(command: string, ...patterns: readonly RegExp[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(command);
    assert.deepEqual([code, stderr], [0, ''], `${command}\n${stdout}`);
    assert.notEqual(stdout, '', command);
    for (const pattern of patterns) assert.match(stdout, pattern, command);
    return stdout;
  }

  async json<T>(command: string): Promise<T> {
    return JSON.parse(await this.ok(`${command} --json`)) as T;
  }

  /** Ends with a code, and says why for people and for programs. */
  async fails(command: string, code: number, errorCode: string): Promise<void> {
    const human = await this.run(command);
    assert.equal(human.code, code, `${command}\n${human.stderr}`);
    assert.ok(human.stderr.includes(`[${errorCode}]`), `${command}\n${human.stderr}`);
    const json = await this.run(`${command} --json`);
    const error = JSON.parse(json.stderr) as { readonly code: string; readonly error_code: number };
    assert.deepEqual([json.code, error.code], [code, errorCode], command);
    assert.ok(error.error_code >= 400);
  }
}

/** Commands of a block: what stands between empty lines, without the comments. */
function commandsOf(block: string): string[] {
  return block
    .split('\n\n')
    .map((part) =>
      part
        .split('\n')
        .filter((line) => !line.startsWith('#'))
        .join('\n')
        .trim(),
    )
    .filter((command) => command !== '');
}

function urlOf(sidecar: Sidecar): string {
  const line = sidecar.log.find(({ msg }) => msg === 'sidecar listening');
  const address = line?.['address'];
  assert.ok(typeof address === 'string', 'it does not listen');
  return address;
}

async function startShell(t: TestContext, bootstrap: string): Promise<{ sidecar: Sidecar; shell: Shell }> {
  const home = sidecarHome(t, bootstrap);
  const sidecar = await Sidecar.start(home);
  return { sidecar, shell: new Shell(home, urlOf(sidecar)) };
}

const records = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i % 5}`, value: `{"id": ${i}, "email": "a${i}@example.org"}` }));

interface StatusJson {
  readonly connector: { readonly state: string };
  readonly version?: { readonly number: number; readonly records: number; readonly config_sha256: string };
  readonly candidate?: { readonly stage: string };
  readonly group?: { readonly members: readonly unknown[]; readonly one_of: number };
}

async function reaches(shell: Shell, name: string, state: string): Promise<StatusJson> {
  return eventually(async () => {
    const status = await shell.json<StatusJson>(`streamline-cli transforms status ${name}`);
    assert.equal(status.connector.state, state);
    return status;
  });
}

clusterTest(
  "the seed's block of commands works line by line, and so does its deploy after the build",
  async ({ bootstrap }, t) => {
    await createTopic(bootstrap, 'raw-events', 2);
    await createTopic(bootstrap, 'clean-events', 2);
    const { sidecar, shell } = await startShell(t, bootstrap);
    const commands = commandsOf(SEED_COMMANDS);
    assert.equal(commands.length, 9);
    for (const command of commands) {
      await shell.ok(command);
      // After the deploy with flags, and that of the spec.
      if (command.includes(' deploy ')) await reaches(shell, 'mask-pii', 'RUNNING');
      if (command.includes('--spec')) {
        await produceAll(bootstrap, 'raw-events', records(50));
        await sidecar.settles('mask-pii', 50);
      }
    }
    const [deploy = '', status = ''] = commandsOf(SEED_DEPLOY);
    await shell.ok(deploy, /^mask-pii: created, raw-events → clean-events$/m);
    await reaches(shell, 'mask-pii', 'RUNNING');
    await shell.ok(status, /^state +RUNNING$/m, /^module +uploaded\/mask-pii\/[0-9a-f]{64}\.wasm/m);
    await shell.ok('streamline-cli transforms undeploy mask-pii');
    const outputs = await readAll(bootstrap, 'clean-events', { until: 'end' });
    assert.equal(outputs.length, 50);
    for (const { value } of outputs) assert.match(value?.toString() ?? '', MASKED);
    await sidecar.stop();
  },
  { own: true, timeoutMs: 300_000 },
);

clusterTest(
  'each command against a live sidecar, for people and as JSON, with its exit code',
  async ({ bootstrap }, t) => {
    const name = uniqueName('cli');
    const [input, output] = [`${name}.in`, `${name}.out`];
    await createTopic(bootstrap, input, 2);
    await produceAll(bootstrap, input, records(100));
    const { sidecar, shell } = await startShell(t, bootstrap);
    const cli = 'streamline-cli transforms';
    const deploy = `${cli} deploy --name ${name} --wasm ./mask_pii.wasm --input ${input} --output ${output} --from-offset earliest`;
    const config = `--config '{"fields_to_mask": ["email"]}'`;

    // Nothing there yet.
    await shell.ok(`${cli} list`, /There are no transforms/);
    assert.deepEqual(await shell.json(`${cli} ls`), {});
    await shell.ok(
      `${cli} plan --name ${name} --wasm ./mask_pii.wasm --input ${input} --output ${output} ${config}`,
      /would be created/,
    );
    assert.deepEqual(
      await shell
        .json(`${cli} modules list`)
        .then((all) => (all as { uploaded: boolean }[]).filter(({ uploaded }) => uploaded)),
      [],
    );

    // Deploy, and wait for the first record.
    await shell.ok(`${deploy} ${config} --wait --timeout 60s`, /: created, /, /: version 1 processes records$/m);
    await sidecar.settles(name, 100);
    await shell.fails(`${deploy} ${config} --create`, 1, 'transform.exists');
    await shell.ok(`${deploy} ${config}`, /: unchanged$/m);

    // What it does.
    await shell.ok(`${cli} list`, new RegExp(`^${name} +RUNNING +map +${input} +${output} +uploaded/`, 'm'));
    await shell.ok(`${cli} ls --detailed`, /DEAD-LETTERED/);
    await shell.ok(`${cli} status ${name} --detailed`, /^group .*1 member/m, /^TASK +STATE/m);
    const status = await shell.json<StatusJson>(`${cli} status ${name} -d`);
    assert.deepEqual([status.group?.members.length, status.group?.one_of], [1, 1]);
    await shell.ok(`${cli} metrics ${name}`, /^received +100$/m, /^output +100$/m, /^dead-lettered +0$/m);
    const metrics = await shell.json<{ records: { received: number; unaccounted: number } }>(`${cli} metrics ${name}`);
    assert.deepEqual([metrics.records.received, metrics.records.unaccounted], [100, 0]);
    await shell.ok(`${cli} describe ${name}`, /^Spec$/m, /fields_to_mask/, /^Offsets$/m, /^Recent errors$/m);
    assert.equal((await shell.json<{ status: { name: string } }>(`${cli} describe ${name}`)).status.name, name);
    await shell.ok(`${cli} top --once --interval 1s`, new RegExp(`^${name} +RUNNING `, 'm'));
    const top = await shell.run(`${cli} top -n 2 --interval 500ms --json`);
    assert.deepEqual([top.code, top.stdout.trim().split('\n').length], [0, 2]);
    const logs = await shell.run(`${cli} logs ${name} --tail 5 --json`);
    assert.equal(logs.code, 0, logs.stderr);
    for (const line of logs.stdout.split('\n').filter((text) => text !== ''))
      assert.ok('level' in (JSON.parse(line) as object));
    await shell.ok(`${cli} loggers`, /^root /m);
    await shell.ok(`${cli} loggers set ${name} debug`, new RegExp(`^${name}: DEBUG$`, 'm'));
    assert.equal(
      (await shell.json<Record<string, { level: string }>>(`${cli} loggers show ${name}`))[name]?.level,
      'DEBUG',
    );

    // Change it in place; a bad version does not get there, and the good one goes on.
    await shell.ok(
      `${cli} plan --name ${name} --wasm ./mask_pii.wasm -i ${input} -o ${output} --from-offset earliest --config '{"fields_to_mask": []}'`,
      /would change in place/,
      /config/,
    );
    const changed = shell.run(`${deploy} --config '{"fields_to_mask": ["id"]}' --wait --timeout 60s --json`);
    let waits = true;
    const outcome = changed.finally(() => (waits = false));
    while (waits) await produceAll(bootstrap, input, records(10));
    const { code, stdout, stderr } = await outcome;
    assert.equal(code, 0, stderr);
    assert.ok(((JSON.parse(stdout) as { status: StatusJson }).status.version?.records ?? 0) > 0);
    const refused = await shell.run(
      `${cli} deploy --name ${name} --wasm modules/hostile/no_transform.wasm --input ${input} --output ${output}`,
    );
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /\[module\.missing_export\]/);
    await reaches(shell, name, 'RUNNING');

    // Pause, resume, stop, offsets, restart.
    await shell.ok(`${cli} pause ${name}`);
    await reaches(shell, name, 'PAUSED');
    await shell.ok(`${cli} resume ${name}`);
    await reaches(shell, name, 'RUNNING');
    await shell.fails(`${cli} offsets reset ${name} --to earliest --yes`, 1, 'transform.not_stopped');
    await shell.ok(`${cli} stop ${name}`);
    await reaches(shell, name, 'STOPPED');
    await shell.ok(`${cli} offsets show ${name}`, new RegExp(`^${input} +0 `, 'm'), /^2 partitions, lag 0$/m);
    await shell.fails(`${cli} offsets reset ${name} --to earliest`, 2, 'request.invalid');
    await shell.ok(
      `${cli} offsets reset ${name} --offset 0=1 --offset 1=2 --no-confirm`,
      new RegExp(`^${input} +1 +2 `, 'm'),
    );
    await shell.ok(`${cli} offsets reset ${name} --to earliest --yes`, new RegExp(`^${input} +0 +0 `, 'm'));
    await shell.ok(`${cli} offsets delete ${name} --yes`, /offsets deleted/);
    await shell.ok(`${cli} resume ${name}`);
    await reaches(shell, name, 'RUNNING');
    await shell.ok(`${cli} restart ${name}`, new RegExp(`^${name}: restarted$`, 'm'));
    await reaches(shell, name, 'RUNNING');

    // Modules: one in use, one that is not.
    const [module] = await shell
      .json<{ sha256: string; used_by: string[] }[]>(`${cli} modules list`)
      .then((all) => all.filter(({ used_by: users }) => users.includes(name)));
    assert.ok(module !== undefined, 'the uploaded module is listed as used');
    await shell.fails(`${cli} modules delete ${module.sha256}`, 1, 'module.in_use');
    const uploaded = await shell.json<{ sha256: string }>(
      `${cli} modules upload modules/transforms/pass_through.wasm --name ${name}-copy`,
    );
    await shell.ok(`${cli} modules delete ${uploaded.sha256.slice(0, 12)}`, /: deleted$/m);

    // What cannot be.
    await shell.fails(`${cli} status ${name}x`, 2, 'transform.not_found');
    assert.match((await shell.run(`${cli} status ${name}x`)).stderr, new RegExp(`Did you mean ${name}\\?`));
    await shell.fails(`${cli} statsu ${name}`, 2, 'request.invalid');
    shell.write(
      'bad.yaml',
      `name: ${name}\ninput_topic: ${input}\noutput_topic: ${input}\nwasm_module: builtin:pass-through\n`,
    );
    await shell.fails(`${cli} deploy --spec bad.yaml`, 2, 'spec.output_equals_input');
    shell.write(
      'missing.yaml',
      `name: ${name}-missing\ninput_topic: ${input}\noutput_topic: ${output}\nwasm_module: none.wasm\n`,
    );
    await shell.fails(`${cli} deploy --spec missing.yaml`, 2, 'spec.module_missing');

    // A log that is followed ends with the transform, everything else with the sidecar.
    const followed = shell.run(`${cli} logs -f ${name} --tail 1 > followed.txt`);
    // It follows once a line of before is there.
    await eventually(async () => assert.notEqual(shell.read('followed.txt'), ''));
    await shell.ok(`${cli} delete ${name} --no-confirm`, new RegExp(`^${name}: undeployed$`, 'm'));
    assert.deepEqual([(await followed).code, await shell.json(`${cli} list`)], [0, {}]);
    assert.ok((await groupIds(bootstrap)).includes(`streamline.${name}`), 'offsets stay');
    await shell.ok(`${cli} validate ./mask_pii.wasm`, /^type +map$/m);
    await shell.ok(`${cli} validate --spec transforms/mask-pii.yaml --modules modules`, /^type +map$/m);
    await shell.ok('streamline-cli completion bash', /complete -F/);
    await sidecar.stop();
    await shell.fails(`${cli} list`, 3, 'sidecar.unreachable');
    await shell.ok(`${cli} validate ./mask_pii.wasm`, /^it can /m);
  },
  { timeoutMs: 400_000 },
);
