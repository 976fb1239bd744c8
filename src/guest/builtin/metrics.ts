import { StreamlineError } from '../../base/error.ts';
import type { GuestConfig } from '../guest-config.ts';
import type { BatchContext, Guest } from '../guest.ts';
import type { LogBuffer } from '../host-functions/log-buffer.ts';
import { PassThrough } from './pass-through.ts';

const INTERVAL_SECONDS_DEFAULT = 10;
const INTERVAL_SECONDS_MAX = 3600;
/** Upper bounds of the size classes of a value, bytes; one more class holds the rest. */
const SIZE_CLASSES = [128, 1024, 8192, 65_536, 1_048_576] as const;

/**
 * `builtin:metrics`: counts what passes — records, bytes, tombstones, records without a key, values by size class — and writes
 * the totals since the instance started as one info line every `config.interval_seconds` (10) in which records came. Records
 * pass as they are. What to run on a topic one knows nothing about.
 */
export class Metrics implements Guest {
  readonly #log: LogBuffer;
  readonly #pass: PassThrough;
  readonly #intervalMs: number;
  readonly #sizes = new Float64Array(SIZE_CLASSES.length + 1);
  #nextReportMs: number;
  #records = 0;
  #bytes = 0;
  #tombstones = 0;
  #withoutKey = 0;

  /** Throws guest.init_rejected for a config it does not understand, as a module's init() would. */
  constructor(config: GuestConfig, log: LogBuffer) {
    this.#log = log;
    this.#pass = new PassThrough(config);
    this.#intervalMs = intervalSeconds(config.configJson) * 1000;
    this.#nextReportMs = log.nowMs + this.#intervalMs;
  }

  run(batch: BatchContext, at: number, recordIndex: number): boolean {
    const { reader } = batch;
    const keyLength = reader.keyLength(at);
    const valueLength = reader.valueLength(at);
    this.#records += 1;
    this.#bytes += Math.max(0, keyLength) + Math.max(0, valueLength) + reader.headersLength(at);
    if (keyLength < 0) this.#withoutKey += 1;
    if (valueLength < 0) this.#tombstones += 1;
    else {
      const sizeClass = SIZE_CLASSES.findIndex((bytesMax) => valueLength <= bytesMax);
      const index = sizeClass < 0 ? SIZE_CLASSES.length : sizeClass;
      this.#sizes[index] = (this.#sizes[index] ?? 0) + 1;
    }
    if (this.#log.nowMs >= this.#nextReportMs) this.#report();
    return this.#pass.run(batch, at, recordIndex);
  }

  #report(): void {
    this.#nextReportMs = this.#log.nowMs + this.#intervalMs;
    if (!this.#log.admit()) return;
    const sizes = [...this.#sizes].map((count, i) => {
      const bound = SIZE_CLASSES[i];
      return `${bound === undefined ? 'larger' : `to_${String(bound)}`}=${String(count)}`;
    });
    this.#log.addText(
      'info',
      `totals records=${String(this.#records)} bytes=${String(this.#bytes)} tombstones=${String(this.#tombstones)} ` +
        `without_key=${String(this.#withoutKey)} value_bytes ${sizes.join(' ')}`,
    );
  }
}

function intervalSeconds(configJson: string): number {
  const config = JSON.parse(configJson) as Record<string, unknown>;
  const unknown = Object.keys(config).find((name) => name !== 'interval_seconds');
  if (unknown !== undefined) {
    throw new StreamlineError('guest.init_rejected', `builtin:metrics has no setting ${JSON.stringify(unknown)}`, {
      configPath: `/config/${unknown}`,
      suggestion: 'the only setting is interval_seconds',
    });
  }
  const seconds = config['interval_seconds'] ?? INTERVAL_SECONDS_DEFAULT;
  if (typeof seconds === 'number' && seconds >= 1 && seconds <= INTERVAL_SECONDS_MAX) return seconds;
  throw new StreamlineError('guest.init_rejected', 'interval_seconds is not a number of seconds', {
    configPath: '/config/interval_seconds',
    suggestion: `give a number from 1 to ${String(INTERVAL_SECONDS_MAX)}`,
  });
}
