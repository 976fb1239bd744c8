import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contextRule, headerSecrets, namesService, tracesAsked, type Environment } from './otel-environment.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

void test('traces are asked for by an exporter or an endpoint, and by nothing else', () => {
  const cases: readonly [Environment, boolean][] = [
    [{}, false],
    [{ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' }, false],
    [ENDPOINT, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://collector:4318/v1/metrics' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, false],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
    [{ OTEL_TRACES_EXPORTER: 'console' }, true],
    [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, false],
    [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: '' }, true],
    [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }, false],
    [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'yes' }, true],
  ];
  for (const [env, asked] of cases) assert.equal(tracesAsked(env), asked, JSON.stringify(env));
});

void test('the sampler says what becomes of contexts that came with records', () => {
  const ruleOf = (sampler?: string, arg?: string) =>
    contextRule({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: arg });
  for (const parent of [undefined, '', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio']) {
    assert.equal(ruleOf(parent, '0.1'), 'as_it_says', parent);
  }
  assert.deepEqual([ruleOf('always_on'), ruleOf('always_off')], ['always', 'never']);
  assert.deepEqual(ruleOf('traceidratio', '0.25'), { ratio: 0.25 });
  // As the SDK has it.
  for (const wrong of [undefined, '', 'x', '7', '-1'])
    assert.deepEqual(ruleOf('traceidratio', wrong), { ratio: 1 }, wrong);
});

void test('the service has a name of ours unless the variables give one', () => {
  assert.equal(namesService({ OTEL_RESOURCE_ATTRIBUTES: 'a=1, service.namespace=y' }), false);
  assert.equal(namesService({ OTEL_RESOURCE_ATTRIBUTES: 'a=1, service.name=y' }), true);
  assert.equal(namesService({ OTEL_SERVICE_NAME: 'y' }), true);
});

void test('what the headers of the collector hold is no text for a log', () => {
  const OTEL_EXPORTER_OTLP_HEADERS = 'authorization=Bearer%20abc=, x-key=%zz';
  assert.deepEqual(headerSecrets({ OTEL_EXPORTER_OTLP_HEADERS }), ['Bearer%20abc=', 'Bearer abc=', '%zz', '%zz']);
});
