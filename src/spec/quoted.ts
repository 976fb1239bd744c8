const SHOWN_MAX = 80;

/** Text of a file as it may stand in a message: one line, no control characters, not endless. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text);
}
