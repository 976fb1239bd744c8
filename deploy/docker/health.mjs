// @ts-check
// HEALTHCHECK of the image: ends with 0 when /readyz answers 200, else with 1. No token is needed for it.
import { get as overHttp } from 'node:http';
import { get as overHttps } from 'node:https';

const TIMEOUT_MS = 4000;

/** @param {string} reason */
function unhealthy(reason) {
  console.log(reason);
  process.exit(1);
}

const url = new URL(process.env['STREAMLINE_HEALTH_URL'] ?? 'http://127.0.0.1:8084/readyz');
setTimeout(() => unhealthy(`no answer within ${TIMEOUT_MS} ms`), TIMEOUT_MS);
// With `http.tls` the certificate is for another name than this one, and nothing secret is said.
const request = url.protocol === 'https:' ? overHttps(url, { rejectUnauthorized: false }) : overHttp(url);
request.on('error', (error) => unhealthy(error.message));
request.on('response', ({ statusCode }) => (statusCode === 200 ? process.exit(0) : unhealthy(`status ${statusCode}`)));
