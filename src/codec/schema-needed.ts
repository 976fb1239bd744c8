import type { SchemaWish } from './schema.ts';

/** Thrown where a schema is needed that the thread does not have yet: whoever runs the batch asks for it and goes on. */
export class SchemaNeeded extends Error {
  readonly wish: SchemaWish;

  constructor(wish: SchemaWish) {
    super('a schema is needed');
    this.name = 'SchemaNeeded';
    this.wish = wish;
  }
}
