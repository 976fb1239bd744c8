import kafka from '@confluentinc/kafka-javascript';
import { settled } from '../cluster/client.ts';

const REQUEST_MS_MAX = 10_000;

export interface PlainMember {
  readonly memberId: string;
  /** Of all topics, sorted. */
  readonly partitions: readonly number[];
}

interface Description {
  readonly groups: readonly {
    readonly members: readonly {
      readonly memberId: string;
      readonly assignment?: { readonly topicPartitions?: readonly { readonly partition: number }[] };
    }[];
  }[];
}

/** Who is in a consumer group, as the cluster says it: a client of its own, no code of the sidecar. A group that is not there has nobody. */
export async function groupMembers(bootstrap: string, group: string): Promise<PlainMember[]> {
  const admin = kafka.RdKafka.AdminClient.create({ 'bootstrap.servers': bootstrap });
  try {
    const { groups } = await settled<Description>((done) =>
      admin.describeGroups([group], { timeout: REQUEST_MS_MAX }, done),
    );
    return groups.flatMap(({ members }) =>
      members.map(({ memberId, assignment }) => ({
        memberId,
        partitions: (assignment?.topicPartitions ?? []).map(({ partition }) => partition).toSorted((a, b) => a - b),
      })),
    );
  } finally {
    admin.disconnect();
  }
}
