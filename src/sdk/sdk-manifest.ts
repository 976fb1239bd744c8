import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** Languages with an SDK: folders of sdk/. */
export const LANGUAGES = ['rust', 'assemblyscript', 'go', 'c', 'js', 'python'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Beside src/ and dist/ of the package. */
const SDK_FOLDER = join(import.meta.dirname, '../../sdk');

const command = z.tuple([z.string().min(1)], z.string());

/** How a project is built: what `transforms init` writes into it, and `transforms build` reads. */
const buildShape = {
  language: z.enum(LANGUAGES),
  /** Programs with their arguments, run in the project's folder, one after the other; no shell. */
  build: z.array(command).min(1),
  /** What they make, a path in the project. */
  artefact: z.string().min(1),
  /** Each has to end with 0 before anything is built. */
  needs: z.array(z.strictObject({ command, missing: z.string().min(1) })),
};

export const projectSchema = z.strictObject({ name: z.string().min(1), module: z.string().min(1), ...buildShape });
export type Project = z.infer<typeof projectSchema>;

const manifestSchema = z.strictObject({
  ...buildShape,
  /** Files and folders of the SDK that a project gets a copy of: there is no package to fetch. */
  vendor: z.array(z.strictObject({ from: z.string().min(1), to: z.string().min(1) })),
});

/** The sdk.json of a language. */
export interface Sdk extends z.infer<typeof manifestSchema> {
  /** Where it lies. */
  readonly folder: string;
}

/** undefined: this installation has none for the language. */
export function readSdk(language: Language): Sdk | undefined {
  const folder = join(SDK_FOLDER, language);
  let text: string;
  try {
    text = readFileSync(join(folder, 'sdk.json'), 'utf8');
  } catch {
    return undefined;
  }
  return { ...manifestSchema.parse(JSON.parse(text)), folder };
}
