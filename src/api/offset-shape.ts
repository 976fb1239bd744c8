import type { OffsetTarget, PartitionOffsets } from '../registry/control.ts';
import { quoted } from '../spec/quoted.ts';
import { parseStartOffset } from '../spec/start-offset.ts';
import { RequestError } from './request-error.ts';
import type { Offsets, OffsetsPatch } from './rest-shapes.ts';

export function offsetsShape(partitions: readonly PartitionOffsets[]): Offsets {
  return {
    offsets: partitions.map((view) => ({
      partition: { kafka_topic: view.topic, kafka_partition: view.partition },
      offset: view.committed === undefined ? null : { kafka_offset: view.committed },
      earliest: view.earliest,
      latest: view.latest,
      ...(view.lag === undefined ? {} : { lag: view.lag }),
      ...(view.switched === undefined
        ? {}
        : {
            switched: {
              offset: view.switched.offset,
              module_sha256: view.switched.moduleSha256,
              config_sha256: view.switched.configSha256,
              version: view.switched.version,
            },
          }),
    })),
  };
}

/** Throws offsets.invalid. `inputTopic` is the one topic offsets can be of; undefined: not known. */
export function offsetTarget(patch: OffsetsPatch, inputTopic: string | undefined): OffsetTarget {
  if (patch.to !== undefined) return namedTarget(patch.to);
  const seen = new Set<number>();
  const offsets = (patch.offsets ?? []).map(
    ({ partition: { kafka_topic: topic, kafka_partition: partition }, offset }, i) => {
      if (inputTopic !== undefined && topic !== inputTopic) {
        throw invalid(
          `/offsets/${i}/partition/kafka_topic`,
          `${quoted(topic)} is not the input topic`,
          `Write ${inputTopic}.`,
        );
      }
      if (seen.has(partition)) {
        throw invalid(`/offsets/${i}/partition`, `partition ${partition} is given twice`, 'Give it once.');
      }
      seen.add(partition);
      return { partition, offset: offset.kafka_offset };
    },
  );
  return { to: 'exact', offsets };
}

function namedTarget(text: string): OffsetTarget {
  // Counted from what is committed, unlike `start:` in a spec: +0 stays where it is.
  if (/^[+-][0-9]{1,15}$/.test(text)) return { to: 'shift', records: Number(text) + 0 };
  if (text === 'earliest' || text === 'latest') return { to: text };
  const parsed = text.startsWith('@') ? parseStartOffset(text) : undefined;
  if (parsed !== undefined && 'at' in parsed && parsed.at === 'timestamp') {
    return { to: 'timestamp', timestampMs: parsed.timestampMs };
  }
  const suggestion =
    parsed !== undefined && 'suggestion' in parsed
      ? parsed.suggestion
      : 'Write earliest, latest, @1767225600000, @2026-01-01T00:00:00Z, +100 or -100.';
  throw invalid('/to', `${quoted(text)} is no place in a topic`, suggestion);
}

function invalid(configPath: string, message: string, suggestion: string): RequestError {
  return new RequestError('offsets.invalid', message, { place: 'body', configPath, suggestion });
}
