/** A key stands so in a line; within a text its quotes are escaped. */
const TRANSFORM_KEY = '"transform":"';

/** Whose line of the log it is, without parsing it; undefined: of no transform. */
export function transformOfLine(line: string): string | undefined {
  const key = line.indexOf(TRANSFORM_KEY);
  if (key < 0) return undefined;
  const begin = key + TRANSFORM_KEY.length;
  return line.slice(begin, line.indexOf('"', begin));
}
