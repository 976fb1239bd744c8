import { hostLog } from "./host";

export enum Level {
  Trace = 0,
  Debug = 1,
  Info = 2,
  Warn = 3,
  Error = 4,
}

/** One line of the transform's log. The host limits how many and how long; each costs 5,000 units of fuel. */
export function log(level: Level, line: string): void {
  const text = String.UTF8.encode(line);
  hostLog(level, changetype<usize>(text), text.byteLength);
}
