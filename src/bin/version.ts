import { readFileSync } from 'node:fs';

/** package.json stands two folders up, from src/bin and from dist/bin alike. */
const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');

export const version = (JSON.parse(text) as { version: string }).version;
