// @ts-check
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { publish, stagingFor } from './cache.mjs';
import { runLogged, runQuiet, SetupError } from './run.mjs';
import { step } from './step.mjs';

/** The first with all that native/src calls. */
const SYSTEM_VERSION_MIN = '2.3.0';
const QUERY_MS_MAX = 30_000;
const CONFIGURE_MS_MAX = 3 * 60_000;
const MAKE_MS_MAX = 10 * 60_000;
const MAKE_JOBS_MAX = 8;

/**
 * One librdkafka to build the bridge with.
 * @typedef {object} Librdkafka
 * @property {readonly string[]} compile arguments for the compiler
 * @property {readonly string[]} link arguments for the linker, after the objects
 */

/** @param {string} root */
function clientFolder(root) {
  return join(root, 'node_modules', '@confluentinc', 'kafka-javascript');
}

/**
 * @param {string} root
 * @returns {string} the version the Kafka client comes with
 */
export function librdkafkaVersion(root) {
  return JSON.parse(readFileSync(join(clientFolder(root), 'package.json'), 'utf8')).librdkafka;
}

/**
 * The shared library of a client that was built here: both addons then use one copy of it.
 * @param {string} root
 * @returns {Librdkafka | undefined} undefined: the client's binary was downloaded
 */
export function clientsLibrdkafka(root) {
  const deps = join(clientFolder(root), 'build', 'deps');
  const library = join(deps, 'librdkafka.so.1');
  const include = join(deps, 'include');
  if (process.platform !== 'linux' || !existsSync(library) || !existsSync(include)) return undefined;
  // Relative to native/build, so that a clone can be moved.
  const runPath = '$ORIGIN/../../node_modules/@confluentinc/kafka-javascript/build/deps';
  return { compile: [`-I${include}`], link: [library, `-Wl,-rpath,${runPath}`] };
}

/**
 * A static librdkafka from the sources the client carries, made once a machine.
 * @param {string} root
 * @param {{ cache: string, log: string, libc: string, portable: boolean }} options portable: with what it uses linked in too, and without
 *   what can't be (OIDC needs curl, Kerberos needs Cyrus SASL)
 * @returns {Promise<Librdkafka & { licences: string }>} with the file that says the licences of what is in it
 */
export async function ownLibrdkafka(root, { cache, log, libc, portable }) {
  const machine = `${process.platform}-${process.arch}-${libc}`;
  const name = `${librdkafkaVersion(root)}-${machine}${portable ? '-portable' : ''}`;
  const entry = join(cache, 'librdkafka', name);
  if (!existsSync(entry)) {
    await step('building librdkafka (about a minute on 2 cores)', () => build(root, entry, portable, log));
  }
  const libraries = readFileSync(join(entry, 'libraries.txt'), 'utf8').trim().split(/\s+/);
  // Its symbols stay inside: the client's addon may have another librdkafka, and Node has an OpenSSL and a zlib of its own.
  const hide = process.platform === 'darwin' ? [] : ['-Wl,--exclude-libs,ALL', '-Wl,-Bsymbolic'];
  return {
    compile: [`-I${join(entry, 'include')}`],
    link: [join(entry, 'librdkafka.a'), ...libraries, ...hide],
    licences: join(entry, 'LICENSES.txt'),
  };
}

/**
 * @returns {Promise<Librdkafka>}
 * @throws {SetupError} when there is none, or it is too old
 */
export async function systemsLibrdkafka() {
  const query = ['--cflags', '--libs', `rdkafka >= ${SYSTEM_VERSION_MIN}`];
  const flags = await runQuiet('pkg-config', query, { timeoutMs: QUERY_MS_MAX });
  if (flags === undefined) throw new SetupError(`the system has no librdkafka from ${SYSTEM_VERSION_MIN} on`);
  const words = flags.trim().split(/\s+/).filter(Boolean);
  const isForLinking = (/** @type {string} */ word) => /^-(l|L|Wl)/.test(word);
  return { compile: words.filter((word) => !isForLinking(word)), link: words.filter(isForLinking) };
}

/**
 * @param {string} root
 * @param {string} entry
 * @param {boolean} portable
 * @param {string} log
 */
async function build(root, entry, portable, log) {
  // Its make files quote no path: a folder without blanks, and node_modules stays as it was.
  const copy = mkdtempSync(join(tmpdir(), 'streamline-librdkafka-'));
  const staged = stagingFor(entry);
  try {
    const sources = join(clientFolder(root), 'deps', 'librdkafka');
    for (const part of ['configure', 'configure.self', 'mklove', 'Makefile', 'src', 'lds-gen.py', 'LICENSES.txt']) {
      cpSync(join(sources, part), join(copy, part), { recursive: true, filter: isSource });
    }
    chmodSync(join(copy, 'configure'), 0o755);
    const features = portable ? ['--enable-static', '--disable-gssapi', '--disable-curl', '--disable-lz4-ext'] : [];
    await runLogged('./configure', ['--disable-debug-symbols', ...features], {
      cwd: copy,
      log,
      timeoutMs: CONFIGURE_MS_MAX,
    });
    const jobs = Math.min(availableParallelism(), MAKE_JOBS_MAX);
    await runLogged('make', [`-j${jobs}`, '-C', 'src', 'librdkafka.a'], { cwd: copy, log, timeoutMs: MAKE_MS_MAX });
    const libraries = /^LIBS\+?=\s*(.*)$/m.exec(readFileSync(join(copy, 'Makefile.config'), 'utf8'))?.[1];
    if (libraries === undefined) throw new SetupError('librdkafka does not say what it is linked with');
    mkdirSync(join(staged, 'include', 'librdkafka'), { recursive: true });
    for (const header of ['rdkafka.h', 'rdkafka_mock.h'])
      cpSync(join(copy, 'src', header), join(staged, 'include', 'librdkafka', header));
    cpSync(join(copy, 'src', 'librdkafka.a'), join(staged, 'librdkafka.a'));
    cpSync(join(copy, 'LICENSES.txt'), join(staged, 'LICENSES.txt'));
    writeFileSync(join(staged, 'libraries.txt'), `${libraries}\n`);
    publish(staged, entry);
  } finally {
    for (const folder of [copy, staged]) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Objects a build in place left behind belong to other options.
 * @param {string} path
 */
function isSource(path) {
  return !/\.(o|a|d|so|dylib|lds)(\.\d+)*$/.test(path);
}
