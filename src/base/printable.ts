/**
 * What could forge a line, drive a terminal or show a text as another than it is: control characters, line separators, and the invisible
 * ones that turn the direction of writing or hide. Not the joiners (200c, 200d), which Persian and emoji need.
 */
export const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/**
 * Whole sequences of a terminal: what would be left of one without its first character says nothing. CSI (colours, the cursor), strings (a
 * title, a link), and those of two characters. Each alternative stops where the next sequence may begin, so a text is gone through once.
 */
const SEQUENCE =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u0080-\u009f]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]/g;

/** One line, safe to show: without sequences of a terminal, other runs of unprintable characters one space. */
export function printable(text: string): string {
  // Most texts have none, and this tells at one look.
  if (text.search(UNPRINTABLE) < 0) return text.trim();
  return text.replaceAll(SEQUENCE, '').replaceAll(RUNS, ' ').trim();
}

const RUNS = new RegExp(`(?:${UNPRINTABLE.source})+`, 'gu');
