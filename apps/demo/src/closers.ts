/** Ends things in the opposite order of their opening, each of them, also when one fails. */
export class Closers {
  readonly #closers: { readonly what: string; readonly close: () => Promise<void> }[] = [];

  /** @param what for the error: `cannot close ${what}` */
  add(what: string, close: () => Promise<void>): void {
    this.#closers.push({ what, close });
  }

  /** @throws AggregateError of what could not be closed; the rest is closed all the same */
  async close(): Promise<void> {
    const failures: Error[] = [];
    for (const { what, close } of this.#closers.splice(0).reverse()) {
      await close().catch((cause: unknown) => failures.push(new Error(`cannot close ${what}`, { cause })));
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join('; '));
  }
}
