let prefix = '';
let defined = false;

/**
 * Puts every topic of the shop under a prefix ("demo-7f3a."), so that two shops can share one broker unseen by each other.
 * Topics are fixed when the events are defined, so call it before anything imports `@demo/contracts`.
 * @throws Error when the events are defined already: half of the shop would look for its messages elsewhere
 */
export function useTopicPrefix(wanted: string): void {
  if (defined && wanted !== prefix) {
    throw new Error(
      `The events of @demo/contracts are already defined with the topic prefix "${prefix}"; "${wanted}" comes too late. ` +
        'Call useTopicPrefix before the first import of @demo/contracts.',
    );
  }
  prefix = wanted;
}

/** The topic an event of this type lives on. */
export function shopTopic(type: string): string {
  defined = true;
  return prefix + type;
}
