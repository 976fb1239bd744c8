import type { Pick } from './pick.ts';

/*
 * Values are put together as text, not with JSON.stringify: 5285.90 and integers of 20 digits must reach Kafka as they are
 * written here, and JavaScript's numbers would not let them.
 */

const NAMES = ['Zoë Müller', 'Ada Lovelace', "Conan O'Brien", '山田 太郎', 'Łukasz Żak', 'Ana "Nita" Souza', 'Omar 🚀 Haddad'];
const CITIES = ['Berlin', 'São Paulo', '東京', 'Kraków', 'Austin', 'Nairobi'];
const REGIONS = ['eu', 'us', 'apac', 'latam', 'mea'] as const;
const COUNTRIES = ['DE', 'FR', 'US', 'JP', 'BR', 'KE', 'IN', 'PL'];
const CURRENCIES = ['EUR', 'USD', 'JPY', 'BRL', 'KES', 'INR', 'PLN'];

/** A JSON string; now and then with an escape where none is needed, as some producers write them. */
function text(value: string, pick: Pick): string {
  const quoted = JSON.stringify(value);
  return pick.perMille(100) ? quoted.replaceAll('@', '\\u0040').replaceAll('/', '\\/') : quoted;
}

/** Always two digits after the point: 5285.90. */
function amount(pick: Pick, max: number): string {
  return `${String(pick.int(1, max))}.${pick.digits(2)}`;
}

function bigInteger(pick: Pick): string {
  return `${String(pick.int(1, 9))}${pick.digits(19)}`;
}

const iso = (timestampMs: number): string => new Date(timestampMs).toISOString();

const email = (pick: Pick): string =>
  `${pick.of(['zoe', 'ada', 'conan', 'taro', 'lukasz', 'ana'])}.${pick.digits(3)}@example.${pick.of(['com', 'org', 'net'])}`;

/** A user event with an email address, a phone number and a social security number, at the top and nested. */
export function rawEvent(pick: Pick, index: number, timestampMs: number): string {
  const type = pick.of(['signup', 'login', 'purchase', 'profile_update', 'logout']);
  // 900–999 is no valid area number: no sample is anyone's.
  const ssn = `9${pick.digits(2)}-${pick.digits(2)}-${pick.digits(4)}`;
  const phone = `+1-555-${pick.digits(3)}-${pick.digits(4)}`;
  const contact = pick.perMille(300) ? `,"contact":{"email":${text(email(pick), pick)},"phone":null}` : '';
  return (
    `{"event_id":"evt-${String(index)}","type":"${type}","account":${bigInteger(pick)},` +
    `"name":${text(pick.of(NAMES), pick)},"email":${text(email(pick), pick)},"phone":"${phone}","ssn":"${ssn}",` +
    `"address":{"city":${text(pick.of(CITIES), pick)},"zip":"${pick.digits(5)}"${contact}},` +
    `"device":{"os":"${pick.of(['ios', 'android', 'web'])}","ip":"10.${String(pick.int(0, 255))}.0.${String(pick.int(1, 254))}"},` +
    `"balance":${amount(pick, 9000)},"at":"${iso(timestampMs)}"}`
  );
}

/** An order; without its region when not complete. */
export function order(pick: Pick, index: number, timestampMs: number, complete: boolean): string {
  const items = Array.from({ length: pick.int(1, 3) }, () => {
    const sku = `${pick.of(['BK', 'EL', 'TO', 'GR'])}-${pick.digits(4)}`;
    return `{"sku":"${sku}","qty":${String(pick.int(1, 5))},"unit_price":${amount(pick, 400)}}`;
  });
  const region = complete ? `"region":"${pick.of(REGIONS)}",` : '';
  return (
    `{"order_id":"ord-${String(index)}",${region}"country":"${pick.of(COUNTRIES)}","currency":"${pick.of(CURRENCIES)}",` +
    `"channel":"${pick.of(['web', 'app', 'store', 'phone'])}","segment":"${pick.of(['gold', 'silver', 'new'])}",` +
    `"warehouse":"w${String(pick.int(1, 6))}","customer":${bigInteger(pick)},"items":[${items.join(',')}],` +
    `"placed_at":"${iso(timestampMs)}"}`
  );
}

/** A line of an API's access log; without its status when not complete. */
export function apiLog(pick: Pick, index: number, timestampMs: number, complete: boolean): string {
  const path = pick.of(['/v1/orders', '/v1/orders/42/items', '/v1/users?q=zo%C3%AB', '/healthz', '/v2/search']);
  const status = complete ? `"status":${String(pick.of([200, 200, 200, 201, 204, 301, 404, 429, 500]))},` : '';
  const user = pick.perMille(600) ? `"u-${pick.digits(4)}"` : 'null';
  const agent = pick.of(['curl/8.5.0', 'Mozilla/5.0 (X11; Linux x86_64)', 'okhttp/4.12']);
  return (
    `{"ts":"${iso(timestampMs)}","req_id":"${String(index)}-${pick.hex(12)}","method":"${pick.of(['get', 'GET', 'POST', 'put'])}",` +
    `"path":${text(path, pick)},${status}"latency_ms":${amount(pick, 900)},"bytes_out":${String(pick.int(0, 90000))},` +
    `"ip":"192.0.2.${String(pick.int(1, 254))}","user":${user},"ua":"${agent}","host":"api-${String(pick.int(1, 4))}","trace_id":"${pick.hex(32)}"}`
  );
}

/** A reading of a device; poison makes the guest fragile.wasm misbehave. */
export function deviceEvent(pick: Pick, index: number, timestampMs: number, poison: string | undefined): string {
  const device = `${pick.of(['therm', 'meter', 'door'])}-${pick.hex(6)}`;
  return (
    `{"device_id":"${device}","seq":${String(index)},"reading":${amount(pick, 100)},"unit":"${pick.of(['°C', 'kWh', '%'])}",` +
    `"firmware":"${String(pick.int(1, 4))}.${String(pick.int(0, 20))}.0","serial":${bigInteger(pick)},` +
    `${poison === undefined ? '' : `"poison":"${poison}",`}"at":"${iso(timestampMs)}"}`
  );
}
