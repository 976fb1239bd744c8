import { type ErrorCode } from '../base/error-code.ts';
import { StreamlineError } from '../base/error.ts';
import { RD, type ClientError } from './client.ts';

/** Event errors lose their number in the binding (src/callbacks.cc passes err2str only): back from the text to the number. */
const codeByText = new Map<string, number>([
  ['all broker connections are down', RD.ALL_BROKERS_DOWN],
  ['broker transport failure', RD.TRANSPORT],
  ['host resolution failure', RD.RESOLVE],
  ['timed out', RD.TIMED_OUT],
  ['ssl error', RD.SSL],
  ['authentication failure', RD.AUTHENTICATION],
  ['sasl authentication failed', RD.SASL_AUTHENTICATION_FAILED],
  ['fatal error', RD.FATAL],
  ['this instance has been fenced by a newer instance', RD.FENCED],
  ['static consumer fenced by other consumer with same group.instance.id', RD.FENCED_INSTANCE_ID],
  ['topic authorization failed', RD.TOPIC_AUTHORIZATION_FAILED],
  ['group authorization failed', RD.GROUP_AUTHORIZATION_FAILED],
  ['cluster authorization failed', RD.CLUSTER_AUTHORIZATION_FAILED],
  ['unknown topic or partition', RD.UNKNOWN_TOPIC_OR_PART],
  ['maximum application poll interval (max.poll.interval.ms) exceeded', RD.MAX_POLL_EXCEEDED],
]);

export function clientErrorOf(thrown: unknown): ClientError {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) {
    const code = 'code' in thrown && typeof thrown.code === 'number' ? thrown.code : -1;
    return { message: String(thrown.message), code };
  }
  return { message: String(thrown), code: -1 };
}

/** librdkafka's number of an error, -1 when unknown. */
export function codeOf(error: ClientError): number {
  if (error.code !== undefined && error.code !== -1) return error.code;
  const text = error.message.toLowerCase().replace(/^(local|broker): /, '');
  return codeByText.get(text) ?? -1;
}

/** Ours for librdkafka's number. `otherwise` names what was being done. */
export function errorCodeOfClient(code: number, otherwise: ErrorCode): ErrorCode {
  switch (code) {
    case RD.AUTHENTICATION:
    case RD.SASL_AUTHENTICATION_FAILED:
    case RD.SSL:
      return 'broker.authentication';
    case RD.TOPIC_AUTHORIZATION_FAILED:
    case RD.GROUP_AUTHORIZATION_FAILED:
    case RD.CLUSTER_AUTHORIZATION_FAILED:
    case RD.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return 'broker.not_authorized';
    case RD.UNKNOWN_TOPIC:
    case RD.UNKNOWN_TOPIC_OR_PART:
      return 'broker.topic_missing';
    case RD.UNKNOWN_PARTITION:
      return 'broker.partition_mismatch';
    case RD.TRANSPORT:
    case RD.RESOLVE:
    case RD.ALL_BROKERS_DOWN:
    case RD.TIMED_OUT:
      return 'broker.unreachable';
    case RD.FATAL:
    case RD.FENCED:
    case RD.FENCED_INSTANCE_ID:
      return 'broker.fatal';
    default:
      return otherwise;
  }
}

/** A group's coordinator moves or reads its log, as after a broker's start and before a cluster's first group: soon over. */
export function isCoordinatorMoving(code: number): boolean {
  return code === RD.COORDINATOR_LOADING || code === RD.COORDINATOR_NOT_AVAILABLE || code === RD.NOT_COORDINATOR;
}

/** Whether the client cannot go on by itself: a new one is needed, or a person. Anything else it retries. */
export function endsClient(code: number): boolean {
  switch (code) {
    case RD.FATAL:
    case RD.FENCED:
    case RD.FENCED_INSTANCE_ID:
    case RD.AUTHENTICATION:
    case RD.SASL_AUTHENTICATION_FAILED:
    case RD.GROUP_AUTHORIZATION_FAILED:
      return true;
    default:
      return false;
  }
}

export function toBrokerError(thrown: unknown, otherwise: ErrorCode, doing: string): StreamlineError {
  if (thrown instanceof StreamlineError) return thrown;
  const error = clientErrorOf(thrown);
  const code = errorCodeOfClient(codeOf(error), otherwise);
  return new StreamlineError(code, `${doing}: ${error.message}`);
}
