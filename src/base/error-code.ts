/** Who caused an error: decides who is told, and whether a record or the whole transform is at fault. */
export type ErrorOrigin = 'guest' | 'record' | 'broker' | 'spec' | 'bug';

interface CodeFacts {
  readonly origin: ErrorOrigin;
  /** Trying the same thing again may succeed. */
  readonly retriable: boolean;
  readonly httpStatus: number;
  /** Exit code of the command line: 1 failed, 2 usage or invalid input, 3 cannot reach. */
  readonly exitCode: 1 | 2 | 3;
}

const guest: CodeFacts = { origin: 'guest', retriable: true, httpStatus: 500, exitCode: 1 };
const guestFinal: CodeFacts = { ...guest, retriable: false, httpStatus: 422 };
const record: CodeFacts = { origin: 'record', retriable: false, httpStatus: 500, exitCode: 1 };
const spec: CodeFacts = { origin: 'spec', retriable: false, httpStatus: 422, exitCode: 2 };
const broker: CodeFacts = { origin: 'broker', retriable: true, httpStatus: 503, exitCode: 3 };
const brokerFinal: CodeFacts = { origin: 'broker', retriable: false, httpStatus: 409, exitCode: 1 };
const missing: CodeFacts = { ...spec, httpStatus: 404 };
const conflict: CodeFacts = { ...spec, httpStatus: 409, exitCode: 1 };
const bug: CodeFacts = { origin: 'bug', retriable: false, httpStatus: 500, exitCode: 1 };

/** Every error code there is, with what follows from it. The order is part of the packed layout: append only. */
export const ERROR_CODES = {
  // One record failed in the guest: goes to the spec's error policy.
  'guest.trap': guest,
  'guest.out_of_fuel': guest,
  'guest.timeout': guest,
  'guest.stack_overflow': guest,
  'guest.abi_violation': guest,
  'guest.failed': guest,
  'guest.aborted': guest,
  'guest.output_too_large': guest,
  // The guest as a whole is unusable: the deploy is refused or the transform fails.
  'guest.init_failed': guestFinal,
  'guest.init_rejected': guestFinal,
  'guest.stuck': guestFinal,
  // The record is at fault, not the guest.
  'record.too_large': record,
  'route.invalid_topic': record,
  'route.unknown_topic': record,
  'route.cycle': record,
  'route.too_many_topics': record,
  'route.missing': record,
  'breaker.open': guestFinal,
  // Specs and the sidecar's own configuration.
  'spec.unreadable': spec,
  'spec.too_large': spec,
  'spec.not_yaml': spec,
  'spec.unknown_field': spec,
  'spec.missing_field': spec,
  'spec.wrong_type': spec,
  'spec.out_of_range': spec,
  'spec.bad_name': spec,
  'spec.bad_topic': spec,
  'spec.no_output': spec,
  'spec.output_equals_input': spec,
  'spec.duplicate_name': spec,
  'spec.cycle': spec,
  'spec.conflict': spec,
  'spec.unsupported': spec,
  'spec.module_missing': spec,
  'config.unreadable': spec,
  'config.invalid': spec,
  'config.secret_missing': spec,
  // Modules.
  'module.unreadable': spec,
  'module.too_large': spec,
  'module.invalid': spec,
  'module.is_component': spec,
  'module.missing_export': spec,
  'module.bad_signature': spec,
  'module.unknown_import': spec,
  'module.memory_limit': spec,
  'module.table_limit': spec,
  'module.unsupported_feature': spec,
  'module.reserved_name': spec,
  // The cluster.
  'broker.unreachable': broker,
  'broker.authentication': brokerFinal,
  'broker.not_authorized': brokerFinal,
  'broker.topic_missing': brokerFinal,
  'broker.partition_mismatch': brokerFinal,
  'broker.produce_failed': broker,
  'broker.commit_failed': broker,
  'broker.fatal': broker,
  'broker.client': broker,
  // Ours.
  'bug.assertion': bug,
  'bug.unexpected': bug,
  // What was under way when guests were closed on purpose: a pipeline that closes them does not listen any more.
  'guest.closed': guestFinal,
  // The broker refuses this record by itself, whatever is done: no key on a compacted topic, a timestamp out of bounds.
  'record.rejected': record,
  // Exactly once. Aborted: this producer goes on, what was in the transaction is read again. Fenced: another one has its name.
  'broker.transaction_aborted': broker,
  'broker.fenced': broker,
  // A consumer that silently gets nothing: a new one does.
  'broker.stalled': broker,
  // What was asked of a running sidecar, by the API or the command line.
  'transform.not_found': missing,
  'transform.exists': conflict,
  'transform.not_stopped': conflict,
  'transform.disabled': conflict,
  'spec.read_only': conflict,
  'module.not_found': missing,
  'module.in_use': conflict,
  'module.read_only': conflict,
  'state.read_only': conflict,
  'offsets.invalid': { ...spec, httpStatus: 400 },
  'request.invalid': { ...spec, httpStatus: 400 },
  'request.unauthorized': { ...spec, httpStatus: 401, exitCode: 1 },
  'request.forbidden': { ...spec, httpStatus: 403, exitCode: 1 },
  'request.not_found': missing,
  'request.method': { ...spec, httpStatus: 405 },
  'request.timeout': { ...spec, httpStatus: 408, exitCode: 1 },
  'request.too_large': { ...spec, httpStatus: 413 },
  'request.media_type': { ...spec, httpStatus: 415 },
  'request.too_many': { ...spec, retriable: true, httpStatus: 429, exitCode: 1 },
  // The command line: nobody answers there.
  'sidecar.unreachable': { ...spec, retriable: true, httpStatus: 503, exitCode: 3 },
  // The command line: waited for in vain.
  'deploy.timeout': { ...spec, httpStatus: 504, exitCode: 1 },
  // Formats: the record is not what its format says. Unknown id: another node of the registry may know it in a moment.
  'record.not_framed': record,
  'record.malformed': record,
  'record.not_json': record,
  'record.schema_mismatch': record,
  'schema.unknown_id': { ...record, retriable: true },
  // A schema that a spec asks for, or that a record names.
  'schema.invalid': spec,
  'schema.unsupported': spec,
  'schema.missing': spec,
  'schema.file_unreadable': spec,
  'schema.not_registered': conflict,
  'schema.incompatible': conflict,
  // The schema registry: waited for, never a reason to give up a record.
  'registry.not_configured': spec,
  'registry.unreachable': broker,
  'registry.unauthorized': brokerFinal,
  'registry.failed': broker,
  // As guest.failed, and the guest says that the same record would fail again: so it is the record's fault.
  'guest.rejected': record,
  // A project of a transform, on its author's machine.
  'build.no_sdk': spec,
  'build.directory_in_use': spec,
  'build.no_project': spec,
  'build.toolchain_missing': { ...spec, exitCode: 1 },
  'build.failed': { ...spec, exitCode: 1 },
} as const satisfies Record<string, CodeFacts>;

export type ErrorCode = keyof typeof ERROR_CODES;

const codes = Object.keys(ERROR_CODES) as ErrorCode[];
const numbers = new Map(codes.map((code, i) => [code, i]));

/** The number a code travels under in packed results. */
export function errorCodeNumber(code: ErrorCode): number {
  return numbers.get(code) ?? 0;
}

/** Inverse of errorCodeNumber; an unknown number is a bug of ours. */
export function errorCodeOf(number: number): ErrorCode {
  return codes[number] ?? 'bug.unexpected';
}
