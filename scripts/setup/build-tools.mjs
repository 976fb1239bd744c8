// @ts-check
import { existsSync } from 'node:fs';
import { runLogged, runQuiet, SetupError } from './run.mjs';
import { step } from './step.mjs';

/** What a source build of the client compiles and links against, by Debian's names. */
const DEBIAN_PACKAGES = [
  ...['g++', 'make', 'python3', 'libssl-dev', 'libsasl2-dev'],
  ...['libzstd-dev', 'zlib1g-dev', 'libcurl4-openssl-dev', 'liblz4-dev'],
];
const QUERY_MS_MAX = 30_000;
const APT_MS_MAX = 5 * 60_000;

/**
 * Sees to it that a compiler and the libraries are there: installs them as root on Debian, else says what to install.
 * @param {string} what has to be built
 * @param {string} log
 */
export async function ensureBuildTools(what, log) {
  if (!existsSync('/etc/debian_version')) return requireCompiler(what);
  const missing = await missingPackages();
  if (missing.length === 0) return;
  const hint = `apt-get install -y ${missing.join(' ')}`;
  if (process.getuid?.() !== 0)
    throw new SetupError(`${what} has to be built here: run 'sudo ${hint}', then this again`);
  await step(`installing ${missing.length} Debian packages (${missing.join(' ')})`, async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    // Another apt may be running: wait for its lock rather than fail.
    const apt = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=120'];
    await runLogged('apt-get', [...apt, 'update'], { env, log, timeoutMs: APT_MS_MAX });
    const install = [...apt, 'install', '--no-install-recommends', ...missing];
    await runLogged('apt-get', install, { env, log, timeoutMs: APT_MS_MAX });
  });
}

/** @returns {Promise<string[]>} */
async function missingPackages() {
  const missing = [];
  for (const name of DEBIAN_PACKAGES) {
    const status = await runQuiet('dpkg-query', ['-W', '-f', '${db:Status-Abbrev}', name], { timeoutMs: QUERY_MS_MAX });
    if (status?.startsWith('ii') !== true) missing.push(name);
  }
  return missing;
}

/** @param {string} what */
async function requireCompiler(what) {
  for (const tool of ['c++', 'make', 'python3']) {
    if ((await runQuiet(tool, ['--version'], { timeoutMs: QUERY_MS_MAX })) !== undefined) continue;
    throw new SetupError(
      `${what} has to be built here: install a C++ compiler, make, python3 and the development files of ` +
        'OpenSSL, Cyrus SASL, zstd, zlib, curl and lz4, then run this again',
    );
  }
}
