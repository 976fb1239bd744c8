/** Which methods each path takes: for what the router calls not found although only the method is wrong. */
export class MethodTable {
  readonly #routes: { readonly parts: readonly string[]; readonly methods: readonly string[] }[] = [];

  add(pattern: string, methods: readonly string[]): void {
    this.#routes.push({ parts: pattern.split('/'), methods });
  }

  /** In alphabetical order; none for an unknown path. */
  methodsOf(path: string): string[] {
    const parts = path.split('/');
    const fits = (pattern: readonly string[]): boolean =>
      pattern.length === parts.length &&
      pattern.every((part, i) => part === parts[i] || (part.startsWith(':') && parts[i] !== ''));
    return [...new Set(this.#routes.filter((route) => fits(route.parts)).flatMap((route) => route.methods))].toSorted();
  }
}
