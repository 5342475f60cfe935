/** Runs tasks that share a topic one after another, in the order of the calls; tasks without a common topic run concurrently. */
export class TopicOrder {
  readonly #last = new Map<string, Promise<void>>();

  run<Result>(topics: ReadonlySet<string>, task: () => Promise<Result>): Promise<Result> {
    const earlier = [...topics].flatMap((topic) => this.#last.get(topic) ?? []);
    const result = earlier.length === 0 ? task() : Promise.all(earlier).then(task);
    const ended = result.then(ignore, ignore);
    for (const topic of topics) this.#last.set(topic, ended);
    void ended.then(() => this.#forget(topics, ended));
    return result;
  }

  #forget(topics: ReadonlySet<string>, ended: Promise<void>): void {
    for (const topic of topics) if (this.#last.get(topic) === ended) this.#last.delete(topic);
  }
}

const ignore = (): void => undefined;
