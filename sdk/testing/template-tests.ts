import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome, TestRecord } from '../../src/guest/testing/fixture.ts';
import type { Language } from '../../src/sdk/sdk-manifest.ts';
import { build, guestSource, install, runCases, runRecords, templateProject } from './template-project.ts';

/* What every template on the core ABI must do: they are the same transform, each in its language. */

export const CONFIG = { fields: ['email'] };

const WANTED = [
  'user-1={"email":"***@example.com","id":20211207123456789012}',
  'null={"email":"***@example.com"}',
  '={"email":"***@"}',
  'input=input',
  'guest.failed',
];

/** `KEY=VALUE`, or the code of the failure; of a dropped record DROPPED. */
export const gist = ({ code, key, value }: Outcome): string => code ?? `${String(key)}=${String(value)}`;
export const DROPPED = 'undefined=undefined';

export interface TemplateTests {
  readonly language: Language;
  /** The module as it was built and committed. */
  readonly committed: string;
  /** Cases that its spec has at the least. */
  readonly casesMin: number;
  /** An address with as little as may stand in front of its @. */
  readonly shortest: string;
  readonly maxMemoryMb?: number;
  /** Title of the test that builds it. */
  readonly built: string;
  readonly toolchain: { readonly skip?: string };
  /** Tests of its language's own, in the project's directory. */
  readonly ownTests?: (directory: string) => void;
}

/** To be called in a suite. */
export function templateTests(options: TemplateTests): void {
  const { language, committed, casesMin, shortest, maxMemoryMb = 64, built, toolchain, ownTests } = options;
  const records: readonly TestRecord[] = [
    { key: 'user-1', value: '{"email":"ann@example.com","id":20211207123456789012}' },
    { key: null, value: '{"email":"ann@example.com"}' },
    { key: '', value: `{"email":"${shortest}"}` },
    { key: 'k', value: '{ "other": 1 }' },
    { key: 'k', value: '[]' },
  ];
  const masked = async (file: string): Promise<string[]> =>
    (await runRecords(guestSource(file, { config: CONFIG, maxMemoryMb }), records)).found.map(gist);

  void test('as it was built and committed', async () => {
    const project = await templateProject(language);
    try {
      install(project, committed);
      const { count, failed } = await runCases(project);
      assert.deepEqual(failed, []);
      assert.ok(count >= casesMin);
      assert.deepEqual(await masked(committed), WANTED);
    } finally {
      project.remove();
    }
  });

  void test(built, toolchain, async () => {
    const project = await templateProject(language);
    try {
      ownTests?.(project.directory);
      const module = await build(project);
      assert.deepEqual((await runCases(project)).failed, []);
      assert.deepEqual(await masked(module), WANTED);
    } finally {
      project.remove();
    }
  });
}

/** For assert.rejects: the code of a guest that could not be made, and what it logged of the reason. */
export function refusal(wanted: string, why: RegExp): (thrown: Error) => true {
  return (thrown) => {
    const { code, log } = thrown as Error & { code: string; log: { level: string; text: string }[] };
    assert.equal(code, wanted);
    assert.match(log.map(({ level, text }) => `${level} ${text}`).join(), why);
    return true;
  };
}
