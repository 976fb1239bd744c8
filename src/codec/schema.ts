import type { ErrorCode } from '../base/error-code.ts';

/** As the registry writes it; AVRO where it writes none. */
export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF';

/** A schema that another one refers to. */
export interface ReferencedSchema {
  /** What it is called where it is referred to: the full name of an Avro type, the URL of a JSON Schema. */
  readonly name: string;
  readonly text: string;
}

/** A schema of the registry with all that is needed to use it. Structured-cloneable: it travels to guest threads. */
export interface RegisteredSchema {
  readonly id: number;
  readonly type: SchemaType;
  readonly text: string;
  /** Of all it refers to, directly or not; what others refer to comes before them. */
  readonly references: readonly ReferencedSchema[];
}

/** Which schema: the one a record names, or the one a subject has under a version. */
export type SchemaWish =
  | { readonly by: 'id'; readonly id: number }
  | {
      readonly by: 'subject';
      readonly subject: string;
      readonly version: number | 'latest';
      /** A record does not fit the latest that is known: is it still the latest? Answered soon, whether the registry can be asked or not. */
      readonly renews?: true;
    }
  /** The spec's own schema, as it is registered under a subject. */
  | { readonly by: 'file'; readonly subject: string };

export interface SchemaFault {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The registry has spoken: here it is, or there is none. That it does not speak is no answer: see SchemaSource. */
export type SchemaAnswer = ({ readonly schema: RegisteredSchema } | { readonly fault: SchemaFault }) & {
  /** Until it should be asked for again; absent: it never changes. */
  readonly freshForMs?: number;
  /** To a renewal: for so long it would be the same. */
  readonly believedForMs?: number;
};

/** Where guest threads get schemas from. */
export interface SchemaSource {
  /** Waits for as long as the registry cannot be asked; rejects only when closed. */
  get(wish: SchemaWish): Promise<SchemaAnswer>;
  /** Turns away who waits. Idempotent. */
  close(): void;
}

/**
 * Everything that was wished for. Rejects as the source does. Without one, as where a registry is not configured, there is no schema: a
 * record that names one all the same is a record that fails.
 */
export function fetchSchemas(
  source: SchemaSource | undefined,
  wishes: readonly SchemaWish[],
): Promise<(readonly [SchemaWish, SchemaAnswer])[]> {
  return Promise.all(
    wishes.map(async (wish) => [wish, source === undefined ? NO_REGISTRY : await source.get(wish)] as const),
  );
}

const NO_REGISTRY: SchemaAnswer = {
  fault: { code: 'registry.not_configured', message: 'it names a schema, and sidecar.yaml names no schema registry' },
};

/** Wished for by one who has it and doubts it. */
export function isRenewal(wish: SchemaWish): boolean {
  return wish.by === 'subject' && wish.renews === true;
}

/** One text for one wish, and for its renewal. */
export function wishKey(wish: SchemaWish): string {
  switch (wish.by) {
    case 'id':
      return `#${wish.id}`;
    case 'subject':
      return `${wish.subject}@${wish.version}`;
    case 'file':
      return `${wish.subject}@file`;
  }
}
