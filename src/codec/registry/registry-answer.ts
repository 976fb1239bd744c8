import { z } from 'zod';

/* What registries that speak Confluent's protocol answer, as far as it is used. Nothing is believed that was not checked here. */

const reference = z.object({
  name: z.string().min(1),
  subject: z.string().min(1),
  version: z.int(),
});

const schemaId = z.int().min(0).max(0xffff_ffff);
const version = z.int().min(1);

/** `GET /schemas/ids/N`. No type: Avro, which was all there was before there were types. */
export const schemaAnswer = z.object({
  schema: z.string(),
  schemaType: z.string().nullish(),
  references: z.array(reference).nullish(),
});

/** `GET /subjects/S/versions/N` */
export const versionAnswer = schemaAnswer.extend({ id: schemaId, version });

/** `POST /subjects/S/versions` */
export const registerAnswer = z.object({ id: schemaId });

/** `POST /subjects/S` */
export const registeredAnswer = z.object({ id: schemaId, version });

/** `POST /compatibility/subjects/S/versions/N`; the reasons come with `verbose`, and not from every registry. */
export const compatibilityAnswer = z.object({
  is_compatible: z.boolean(),
  messages: z.array(z.string()).nullish(),
});

/** `GET /config/S` */
export const levelAnswer = z.object({ compatibilityLevel: z.string() });

/** With every status that is none of success. The first three digits of the code are the status. */
export const errorAnswer = z.object({ error_code: z.int(), message: z.string().nullish() });

export type SchemaReference = z.infer<typeof reference>;
export type FetchedSchema = z.infer<typeof schemaAnswer>;
