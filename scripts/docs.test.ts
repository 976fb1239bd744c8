import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { fixture } from '../src/api/testing/api-fixture.ts';
import { Contract } from '../src/api/testing/contract.ts';
import { ERROR_CODES } from '../src/base/error-code.ts';
import { GUEST_EXPORTS } from '../src/catalog/inspect-module.ts';
import { KNOWN_IMPORTS } from '../src/catalog/known-imports.ts';
import { CliContext } from '../src/cli/cli-context.ts';
import { createProgram } from '../src/cli/program.ts';
import { METRICS } from '../src/observe/metric-names.ts';
import { parseSpec } from '../src/spec/parse-spec.ts';
import { parseSidecarConfig } from '../src/spec/sidecar-config.ts';
import { sidecarSchema } from '../src/spec/sidecar-schema.ts';
import { specSchema } from '../src/spec/spec-schema.ts';
import { METRICS_PAGE, withTables } from './metrics-page.ts';

const ROOT = dirname(import.meta.dirname);
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const README = read('README.md');
const DOCUMENTS = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'monitoring/README.md',
  ...globSync('docs/**/*.md', { cwd: ROOT }),
];

/** Rows of the README's tables whose first cell is code that `wanted` accepts: cells without their backticks. */
function rows(document: string, wanted: RegExp): string[][] {
  return document
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.trim().replaceAll('`', '')),
    )
    .filter(([first = '']) => wanted.test(first));
}

/** `a.b.c` of every leaf of an object. */
function leaves(value: unknown, path = ''): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) return new Map([[path, value]]);
  return new Map(
    Object.entries(value).flatMap(([name, part]) => [...leaves(part, path === '' ? name : `${path}.${name}`)]),
  );
}

test('every YAML block of the README is a spec or a sidecar.yaml that is taken', () => {
  const blocks = [...README.matchAll(/(<!-- sidecar\.yaml -->\n)?( *)```yaml\n([\s\S]*?)```/g)];
  assert.ok(blocks.length >= 4);
  for (const [, sidecar, indent = '', text = ''] of blocks) {
    const yaml = text.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    const isSidecar = sidecar !== undefined || README.includes(`<!-- sidecar.yaml -->\n${indent}\`\`\`yaml\n${text}`);
    const outcome = isSidecar
      ? parseSidecarConfig(yaml, 'README.md', {
          resolveSecret: (from) => createHash('sha256').update(JSON.stringify(from)).digest('hex'),
        })
      : parseSpec(yaml, 'README.md');
    assert.ok('config' in outcome, 'errors' in outcome ? outcome.errors.map((e) => e.describe()).join('\n') : '');
  }
});

test('every sidecar.yaml that another document shows is one that is taken', () => {
  let shown = 0;
  for (const document of DOCUMENTS) {
    if (document === 'README.md') continue;
    for (const [, yaml = ''] of read(document).matchAll(/^<!-- sidecar\.yaml -->\n```yaml\n([\s\S]*?)```/gm)) {
      shown += 1;
      const outcome = parseSidecarConfig(yaml, document, {
        resolveSecret: (from) => createHash('sha256').update(JSON.stringify(from)).digest('hex'),
      });
      assert.ok('config' in outcome, 'errors' in outcome ? outcome.errors.map((e) => e.describe()).join('\n') : '');
    }
  }
  assert.ok(shown >= 3);
});

test('every relative link of the documents leads somewhere, sections included', () => {
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-');
  for (const document of DOCUMENTS) {
    for (const [, target = ''] of read(document).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [file = '', section] = target.split('#');
      const path = file === '' ? document : join(dirname(document), file);
      assert.ok(existsSync(join(ROOT, path)), `${document} links to ${target}`);
      if (section === undefined) continue;
      const slugs = [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slug(heading));
      assert.ok(slugs.includes(section), `${document} links to ${target}: there are ${slugs.join(', ')}`);
    }
  }
});

test('every file the documents name exists', () => {
  for (const document of DOCUMENTS) {
    for (const [, file = ''] of read(document).matchAll(
      /`((?:src|scripts|integration|examples|specs|schema|bench|docs|deploy|monitoring)\/[\w./-]+)`/g,
    )) {
      assert.ok(existsSync(join(ROOT, file)), `${document} names ${file}`);
    }
  }
});

test('the README lists every limit with the default it has', () => {
  const defaults = leaves(sidecarSchema.parse({}));
  const limits = [...defaults.keys()].filter((field) => field.startsWith('limits.'));
  const listed = rows(README, /^limits\./);
  assert.deepEqual(listed.map(([field = '']) => field).toSorted(), limits.toSorted());
  for (const [field = '', , value] of listed) assert.equal(value, String(defaults.get(field)), field);
});

test('the README lists the fields of sidecar.yaml with their defaults', () => {
  // What a section has by default once it is written.
  const url = 'http://registry:8081';
  const defaults = leaves(sidecarSchema.parse({ schema_registry: { url } }));
  assert.ok(defaults.delete('schema_registry.url'));
  for (const [field, value] of defaults) {
    if (field.startsWith('limits.')) continue;
    const [row] = rows(README, new RegExp(`^${field.replaceAll('.', '\\.')}$`));
    assert.ok(row !== undefined, `${field} is not in the README`);
    assert.match(row[1] ?? '', new RegExp(`^${String(value)}\\b`), field);
  }
});

/** `a.b.c` of every field a published schema has. */
function fieldsOf(schema: JsonSchema, path = ''): string[] {
  const { properties } = schema;
  if (properties === undefined) return [path];
  return Object.entries(properties).flatMap(([name, field]) => fieldsOf(field, path === '' ? name : `${path}.${name}`));
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

test('the README lists every field that editors offer, those without a default too', () => {
  const cells = README.split('\n').flatMap((line) =>
    line.startsWith('| `') ? [line.slice(0, line.indexOf(' |', 1))] : [],
  );
  const named = new Set(cells.flatMap((cell) => [...cell.matchAll(/`([\w.]+)`/g)].map(([, name = '']) => name)));
  for (const file of ['schema/sidecar.schema.json', 'schema/transform-spec.schema.json']) {
    for (const field of fieldsOf(JSON.parse(read(file)) as JsonSchema)) {
      // Its own row tells what may stand under `kafka`.
      const name = field.startsWith('kafka.') ? 'kafka' : field;
      assert.ok(named.has(name), `${field} of ${file} is not in the README`);
    }
  }
});

test('the README lists the fields of a spec with their defaults', () => {
  const spec = { name: 'n', input_topic: 'i', output_topic: 'o', wasm_module: 'm.wasm' };
  const defaults = leaves(specSchema.parse(spec));
  for (const field of Object.keys(spec)) assert.ok(rows(README, new RegExp(`^${field}$`)).length > 0, field);
  for (const [field, value] of defaults) {
    if (field in spec) continue;
    const [row] = rows(README, new RegExp(`^${field.replaceAll('.', '\\.')}$`));
    assert.ok(row !== undefined, `${field} is not in the README`);
    assert.equal(row[2], value === '' ? '""' : String(value), field);
  }
});

test('error codes in the documents exist, and no code that can befall a record is missing', () => {
  const named = rows(README, /^(?:guest|record|route|schema)\.\w+$/).map(([code = '']) => code);
  for (const document of DOCUMENTS) {
    const prefixes =
      /`((?:guest|record|route|breaker|spec|config|module|broker|bug|transform|state|offsets|request|sidecar|deploy|schema|registry)\.[a-z_]+)`/g;
    for (const [, code = ''] of read(document).matchAll(prefixes)) {
      // A file, or the one field of a spec that looks like a code.
      if (/\.(?:ts|json|yaml)$/.test(code) || code === 'config.schema_registry_subject') continue;
      assert.ok(code in ERROR_CODES, `${document} names the error ${code}`);
    }
  }
  // What requests and commands meet.
  const told = new Set(
    [...README.matchAll(/`((?:transform|state|offsets|request|sidecar|deploy)\.[a-z_]+)`/g)].map(
      ([, code = '']) => code,
    ),
  );
  for (const code of Object.keys(ERROR_CODES)) {
    if (/^(?:transform|state|offsets|request|sidecar|deploy)\./.test(code))
      assert.ok(told.has(code), `${code} is not in the README`);
  }
  // What a spec's schemas and the registry meet, in whichever document.
  const documents = DOCUMENTS.map(read).join('\n');
  for (const code of Object.keys(ERROR_CODES)) {
    if (/^(?:schema|registry)\./.test(code)) assert.ok(documents.includes(`\`${code}\``), `${code} is in no document`);
  }
  // A transform's own, told below the table.
  const others = ['guest.init_failed', 'guest.init_rejected', 'guest.stuck', 'guest.closed'];
  const all = Object.entries(ERROR_CODES)
    .filter(([code, { origin }]) => /^(?:guest|record|route)\./.test(code) || origin === 'record')
    .map(([code]) => code);
  assert.deepEqual([...named, ...others].toSorted(), all.toSorted());
});

test('docs/metrics.md lists the metrics there are', () => {
  const page = readFileSync(METRICS_PAGE, 'utf8');
  assert.equal(page, withTables(page), 'run node scripts/metrics-page.ts');
});

test('no document speaks of a metric that is not there', () => {
  const known = new Set(
    Object.values(METRICS).flatMap(({ name, type }) =>
      type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const prefix = /\bstreamline_(?:transform|spec|sidecar|schema)_[a-z_]*[a-z]\b/g;
  let found = 0;
  for (const document of [
    ...DOCUMENTS,
    ...globSync('{sdk,examples}/**/*.md', { cwd: ROOT, exclude: ['**/node_modules/**'] }),
  ]) {
    for (const [name] of read(document).matchAll(prefix)) {
      found += 1;
      assert.ok(known.has(name), `${document}: ${name}`);
    }
  }
  assert.ok(found > known.size / 2);
});

test('docs/abi.md lists what a guest may export and import', () => {
  const abi = read('docs/abi.md');
  for (const [name, { params, results }] of Object.entries(GUEST_EXPORTS)) {
    const signature = `(${params.join(', ')}) -> ${results.length === 1 ? results.join('') : '()'}`;
    assert.ok(abi.includes(`| \`${name}\` | \`${signature}\` |`), `${name} ${signature}`);
  }
  for (const name of Object.keys(KNOWN_IMPORTS.streamline)) assert.ok(abi.includes(`\`streamline.${name}\``), name);
});

test('the README justifies each dependency and no other', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  const section = README.slice(README.indexOf('## Dependencies'), README.indexOf('For development'));
  const named = [...section.matchAll(/^\| (@?[a-z][\w/@-]*) \| \S/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'package');
  assert.deepEqual(named.toSorted(), Object.keys(dependencies).toSorted());
});

const contract = await Contract.of(fixture().api);

test('every request the documents show is one the API has', () => {
  const known = contract.operations.map(({ method, path }) => ({
    method,
    pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }));
  let shown = 0;
  for (const document of DOCUMENTS) {
    for (const [line, method = 'GET', path = ''] of read(document).matchAll(
      /^ *curl(?: -\w+)*(?: --cacert \S+)?(?: -X ([A-Z]+))?(?: -H "[^"]*")? "?(?:\$S|https?:\/\/[^/\s"]+)(\/[^\s"?]*)[^\n]*$/gm,
    )) {
      shown += 1;
      assert.ok(
        known.some((operation) => operation.method === method && operation.pattern.test(path)),
        `${document}: ${line}`,
      );
    }
  }
  const curls = DOCUMENTS.flatMap((document) => [...read(document).matchAll(/^ *curl /gm)]);
  assert.ok(shown >= 20);
  assert.equal(shown, curls.length, 'a request is written in a way this test does not read');
});

const { stdin, stdout, stderr } = process;
const program = createProgram(
  '0',
  new CliContext({ streams: { stdin, stdout, stderr }, env: {}, interrupt: () => AbortSignal.abort() }),
  { out: () => undefined, error: () => undefined, usage: () => undefined },
);

/** The command that words name, as far as they do, and the words after it. */
function commandOf(words: readonly string[]): { readonly path: readonly Command[]; readonly rest: readonly string[] } {
  const path: Command[] = [program];
  let rest = words;
  for (;;) {
    const [word = ''] = rest;
    const next = path.at(-1)?.commands.find((command) => command.name() === word || command.aliases().includes(word));
    if (next === undefined) return { path, rest };
    path.push(next);
    rest = rest.slice(1);
  }
}

test('every command line the documents show names a command and options it has', () => {
  let shown = 0;
  for (const document of DOCUMENTS) {
    const text = read(document).replaceAll(/\\\n */g, '');
    for (const [line, said = ''] of text.matchAll(
      /^ *(?:\$ |source <\()?(?:npm run (?:-s )?cli --|streamline-cli) (.+?)(?: +#.*)?$/gm,
    )) {
      shown += 1;
      const words = said
        .replaceAll(/'[^']*'|"[^"]*"/g, 'quoted')
        .replace(/\).*$/, '')
        .replace(/ \|.*$/, '')
        .split(/\s+/);
      const options = words.filter((word) => /^-[a-zA-Z-]/.test(word));
      // Options before the command, which are those of every command.
      const { path } = commandOf(
        words.slice(
          Math.max(
            0,
            words.findIndex((word) => /^transforms?$|^completion$/.test(word)),
          ),
        ),
      );
      assert.ok(path.length > 1 || options.length > 0, `${document}: ${line}`);
      const names = new Set(path.flatMap((command) => command.options.flatMap(({ short, long }) => [short, long])));
      for (const option of options)
        assert.ok(names.has(option.replace(/=.*$/, '')), `${document}: ${line} has ${option}`);
    }
  }
  assert.ok(shown >= 30);
});

test('docs/cli.md tells of every command and option there is', () => {
  const cli = read('docs/cli.md');
  const visit = (command: Command): void => {
    for (const { short, long, hidden } of command.options) {
      if (hidden || long === '--version' || long === '--help') continue;
      const isTold = [short, long].some(
        (name) => name !== undefined && new RegExp(`(?:^|[\\s\`([])${name}\\b`, 'm').test(cli),
      );
      assert.ok(isTold, `${command.name()} ${long}`);
    }
    for (const child of command.commands) {
      // What the completion scripts call.
      if (child.name().startsWith('_')) continue;
      assert.match(cli, new RegExp(`\\b${child.name()}\\b`), child.name());
      visit(child);
    }
  };
  visit(program);
});

test('every script the documents run is in package.json', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const document of DOCUMENTS) {
    for (const [, name = ''] of read(document).matchAll(/npm run (?:-s )?([a-z][\w:-]*)/g)) {
      assert.ok(name in scripts, `${document}: npm run ${name}`);
    }
  }
});
