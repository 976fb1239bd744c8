import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clusterTest } from '../testcontainers.config.ts';
import { Rig } from './harness/rig.ts';

/* Data nobody made for a test: flights of the U.S. Bureau of Transportation Statistics, earthquakes of the U.S. Geological Survey. */

const DATA = join(import.meta.dirname, '..', 'node_modules', 'vega-datasets', 'data');
const MIN_DISTANCE_MILES = 250;

interface Flight {
  readonly date: string;
  readonly delay: number | null;
  readonly distance: number;
  readonly origin: string;
}

const read = (file: string): unknown => JSON.parse(readFileSync(join(DATA, file), 'utf8'));

clusterTest(
  '20,000 real flights to SI units: every one accounted for, none rounded (I2, I3)',
  async ({ bootstrap }, t) => {
    const flights = read('flights-20k.json') as Flight[];
    assert.equal(flights.length, 20_000);
    const records = flights.map((flight, i) => ({
      key: flight.origin,
      partition: i % 4,
      value: JSON.stringify(flight),
    }));
    const rig = await Rig.create(t, bootstrap, {
      records,
      partitions: 4,
      spec: {
        wasm_module: 'transforms/flights.wasm',
        config: { min_distance_miles: MIN_DISTANCE_MILES },
        output: { partition: 'input' },
      },
    });
    const sidecar = await rig.start();
    const metrics = await sidecar.settles(rig.name, records.length);
    await sidecar.stop();
    const isKept = ({ delay, distance }: Flight): boolean => delay !== null && distance >= MIN_DISTANCE_MILES;
    const kept = flights.filter(isKept).length;
    assert.ok(kept > 1000 && flights.length - kept > 1000, 'the data has flights to keep and flights to drop');
    assert.deepEqual(
      ['output', 'filtered', 'dead_lettered'].map((outcome) => metrics.settled(rig.name, outcome)),
      [kept, flights.length - kept, 0],
    );
    const ledger = await rig.ledger();
    ledger.assertAccounted(({ id }) => (isKept(flights[Number(id)]!) ? 'output' : 'dropped'));
    ledger.assertOrdered();
    for (const { id, outputs } of ledger.entries) {
      const [output] = outputs;
      if (output !== undefined) assert.equal(output.value?.toString(), inSiUnits(records[Number(id)]!.value));
    }
  },
);

/** The same by plain text and big integers: no floating point, no JSON parser. */
function inSiUnits(text: string): string {
  return text
    .replace(/"delay":(-?\d+)/, (_, minutes: string) => `"delay_s":${BigInt(minutes) * 60n}`)
    .replace(/"distance":(\d+)/, (_, miles: string) => `"distance_m":${thousandths(BigInt(miles) * 1_609_344n)}`);
}

function thousandths(n: bigint): string {
  const fraction = String(n % 1000n)
    .padStart(3, '0')
    .replace(/0+$/, '');
  return `${n / 1000n}${fraction === '' ? '' : `.${fraction}`}`;
}

clusterTest(
  '1,700 real earthquakes with their places masked, every other byte kept (I2, I3)',
  async ({ bootstrap }, t) => {
    const { features } = read('earthquakes.json') as { features: { id: string }[] };
    assert.ok(features.length > 1500);
    const records = features.map((feature) => ({ key: feature.id, value: JSON.stringify(feature) }));
    const rig = await Rig.create(t, bootstrap, {
      records,
      partitions: 2,
      spec: { wasm_module: 'transforms/mask_pii.wasm', config: { fields_to_mask: ['place', 'title'] } },
    });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, records.length);
    await sidecar.stop();
    const ledger = await rig.ledger();
    ledger.assertAccounted(() => 'output');
    ledger.assertOrdered();
    for (const [id, { value }] of records.entries()) {
      const masked = value.replaceAll(/"(place|title)":"(?:[^"\\]|\\.)*"/g, '"$1":"***REDACTED***"');
      assert.notEqual(masked, value);
      assert.equal(ledger.output(id).value?.toString(), masked);
    }
  },
);
