import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const DAYS = ['-days', '2'];
const NAMES = 'subjectAltName=IP:127.0.0.1,DNS:localhost\n';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM. */
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Makes certificates with `openssl`, of authorities of its own, in a folder. */
export class CertificateMaker {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder);
    writeFileSync(join(folder, 'names.ext'), NAMES);
  }

  /** Why it cannot be done here; undefined: it can. */
  static whyNot(): string | undefined {
    return spawnSync('openssl', ['version']).status === 0 ? undefined : 'openssl is not installed';
  }

  authority(name: string): Certificate {
    this.#run('req', '-x509', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`, ...DAYS);
    return this.#read(name);
  }

  /** For this machine, or for a client of it. */
  issue(authority: string, name: string): Certificate {
    this.#run('req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
    this.#run('x509', '-req', '-in', `${name}.csr`, ...signer, '-out', `${name}.crt`, ...DAYS, '-extfile', 'names.ext');
    return this.#read(name);
  }

  #run(...args: readonly string[]): void {
    const { status, stderr } = spawnSync('openssl', args, { cwd: this.#folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
  }

  #read(name: string): Certificate {
    const [certFile, keyFile] = [join(this.#folder, `${name}.crt`), join(this.#folder, `${name}.key`)];
    return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
  }
}
