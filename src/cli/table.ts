import { stripVTControlCharacters } from 'node:util';

export type Cell = string | number | undefined;

const GAP = '  ';
const MISSING = '-';

/** Columns for a person: numbers to the right, everything else to the left, `-` for what there is none of. Styled cells are measured bare. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const right = headings.map((_, column) => {
    const cells = rows.map((row) => row[column]).filter((cell) => cell !== undefined);
    return cells.length > 0 && cells.every((cell) => typeof cell === 'number');
  });
  const text = [headings, ...rows].map((row) => headings.map((_, column) => textOf(row[column])));
  const widths = headings.map((_, column) => Math.max(...text.map((row) => width(row[column] ?? ''))));
  return text.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, right[column] === true))
      .join(GAP)
      .trimEnd(),
  );
}

/** `label  value` lines, the labels of one width; those without a value are left out. */
export function fields(pairs: readonly (readonly [label: string, value: Cell])[]): string[] {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== '');
  const most = Math.max(0, ...shown.map(([label]) => label.length));
  return shown.map(([label, value]) => {
    const indent = ' '.repeat(most + GAP.length);
    return `${label.padEnd(most)}${GAP}${textOf(value).replaceAll('\n', `\n${indent}`)}`;
  });
}

function textOf(cell: Cell): string {
  if (cell === undefined || cell === '') return MISSING;
  return typeof cell === 'number' ? grouped(cell) : cell;
}

function grouped(value: number): string {
  return Number.isFinite(value) ? value.toLocaleString('en-US') : MISSING;
}

function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

function pad(text: string, most: number, right: boolean): string {
  const room = ' '.repeat(Math.max(0, most - width(text)));
  return right ? `${room}${text}` : `${text}${room}`;
}
