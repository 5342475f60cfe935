/** One change in one place of the memory driver, and the conformance cases that have to fail because of it. */
export interface Mutant {
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
  /** Names of cases; at least one of them fails. */
  readonly seenBy: readonly string[];
}

const of = (
  file: string,
  ...mutants: readonly (readonly [from: string, to: string, ...seenBy: string[]])[]
): Mutant[] => mutants.map(([from, to, ...seenBy]) => ({ file, from, to, seenBy }));

export const MUTANTS: readonly Mutant[] = [
  ...of(
    'publisher.ts',
    ['if (this.#closed) return Promise.resolve(', 'if (false) return Promise.resolve(', 'publish-failures-surface'],
    ['if (dueAt <= storedAt) return', 'if (true) return', 'a-message-can-wait'],
    ['this.#store.waiting.add(dueAt, () => void topic.append(message, dueAt));', '', 'a-message-can-wait'],
    ['if (!leaving.signal.aborted) onReply(reply);', 'onReply(reply);', 'a-handler-can-answer'],
    ['offset: String(offset) };', 'offset: String(offset + 1) };', 'concurrent-senders-keep-apart'],
    [
      'partition, offset: String(offset) };',
      'partition: 0, offset: String(offset) };',
      'concurrent-senders-keep-apart',
    ],
    [
      'return { id: message.id, topic: message.topic, partition, offset',
      'return { id: "", topic: message.topic, partition, offset',
      'payload-id-and-key-arrive-intact',
    ],
    [
      'this.#append(message, storedAt));',
      'this.#append(message, storedAt)).reverse();',
      'concurrent-senders-keep-apart',
    ],
    ['const receipts = messages.map(', 'const receipts = messages.slice(0, 1).map(', 'concurrent-senders-keep-apart'],
    ['this.maxBytes = store.options.maxMessageBytes;', 'this.maxBytes = NaN;', 'oversize-messages-are-refused-alone'],
    ["topic,\n    stored: 'no',\n  });\n}", 'topic,\n  });\n}', 'publish-failures-surface'],
    ['this.#closed = true;', '', 'publish-failures-surface'],
  ),
  ...of(
    'mapping.ts',
    ['this.raw.message.headers ?? NO_HEADERS', 'NO_HEADERS', 'headers-arrive-with-the-payload'],
    ['return new Date(this.raw.storedAt);', 'return new Date(0);', 'a-window-can-be-replayed'],
    ['return this.raw.reply;', 'return undefined;', 'a-handler-can-answer'],
    ['message.key, message.body', 'undefined, message.body', 'payload-id-and-key-arrive-intact'],
    ['message.body, attempt', 'message.body ?? Buffer.alloc(0), attempt', 'messages-without-a-body-arrive'],
    ['attempt, partition);', '1, partition);', 'attempts-are-counted-and-delayed', 'attempts-survive-the-process'],
    ['attempt, partition);', 'attempt, undefined);', 'a-partition-can-be-named'],
    ['super(message.topic, group', 'super(message.topic, "", group', 'payload-id-and-key-arrive-intact'],
    [
      'this.#owner.ended(this, settlement);',
      '',
      'members-come-and-go',
      'redelivers-after-failure',
      'attempts-are-counted-and-delayed',
    ],
    [
      'return (hash >>> 0) % partitions;',
      'return Math.floor(Math.random() * partitions);',
      'order-per-key-under-concurrency',
      'concurrent-senders-keep-apart',
    ],
    [
      'return (hash >>> 0) % partitions;',
      'return hash % partitions;',
      'order-per-key-under-concurrency',
      'concurrent-senders-keep-apart',
    ],
    ['return String(this.raw.offset);', 'return String(this.raw.offset + 1);', 'concurrent-senders-keep-apart'],
  ),
  ...of(
    'topic.ts',
    ['message.partition ?? this.#choose', 'this.#choose', 'a-partition-can-be-named'],
    ['for (const group of this.#readers) group.wake();', '', 'closing-ends-a-start', 'a-handler-can-answer'],
    ['this.#readers.push(group);', '', 'closing-ends-a-start', 'a-handler-can-answer'],
    ['=> `${group} ${subscribed}`', '=> subscribed', 'groups-each-get-all'],
    ['if (known !== undefined) return known;', '', 'members-share-a-group'],
    [
      'if (key !== undefined) return',
      'if (false) return',
      'order-per-key-under-concurrency',
      'concurrent-senders-keep-apart',
    ],
    ['offset: log.end, storedAt', 'offset: log.end + 1, storedAt', 'new-group-can-start-at-an-offset'],
  ),
  ...of(
    'partition-log.ts',
    [
      "if (startFrom === 'beginning') return this.#start;",
      "if (startFrom === 'beginning') return this.end;",
      'new-group-starts-at-the-beginning',
    ],
    [
      "if (startFrom === 'new') return this.end;",
      "if (startFrom === 'new') return this.#start;",
      'new-group-can-start-with-what-comes-next',
    ],
    ['storedAt >= startFrom', 'storedAt < startFrom', 'new-group-can-start-at-a-moment'],
    ['if (warning !== undefined) warn(warning);', '', 'new-group-can-start-at-an-offset'],
    ['this.#records.push(record);', 'this.#records.unshift(record);', 'order-per-key-under-concurrency'],
    ['slice(index, index + max);', 'slice(index, index + max).reverse();', 'order-per-key-under-concurrency'],
  ),
  ...of(
    'group.ts',
    ['this.#members.push(member);', '', 'topics-do-not-cross'],
    ['partition.takeBack(member);', '', 'another-member-takes-over'],
    ['this.#awake = false;', '', 'closing-ends-a-start', 'a-handler-can-answer'],
    [
      'await Promise.all(this.#partitions.map((partition) => partition.untilEnd(member)));',
      '',
      'dead-letters-can-be-worked-with',
      'a-window-can-be-replayed',
    ],
    ['this.#members.splice(index, 1);', '', 'another-member-takes-over'],
    [
      'if (this.#awake || this.#members.length === 0) return;',
      'return;',
      'closing-ends-a-start',
      'a-handler-can-answer',
    ],
  ),
  ...of(
    'group-partition.ts',
    ['for (const delivery of this.#unsettled.all()) this.#return(delivery);', '', 'another-member-takes-over'],
    ['|| this.#waiting ||', '||', 'in-flight-is-bounded'],
    ['if (enough !== undefined) this.#waitFor(enough, member);', 'if (false) {}', 'in-flight-is-bounded'],
    [
      'else if (this.#hasMore()) setImmediate(() => this.deliver());',
      '',
      'many-publishers-and-subscribers',
      'in-flight-is-bounded',
      'topics-do-not-cross',
      'closing-flushes-publishes',
    ],
    [
      "if (settlement.kind === 'nack') this.",
      'if (false) this.',
      'redelivers-after-failure',
      'attempts-are-counted-and-delayed',
      'attempts-survive-the-process',
    ],
    ['this.#tellWaiters();\n      setImmediate(() => this.deliver());', 'this.#tellWaiters();', 'in-flight-is-bounded'],
    [
      '&& next >= end && !this.#waiting',
      '&& next >= end',
      'dead-letters-can-be-worked-with',
      'a-window-can-be-replayed',
    ],
    ['&& next >= end &&', '&&', 'dead-letters-can-be-worked-with', 'a-window-can-be-replayed'],
    [
      'if (this.#waiters.length > 0) this.#tellWaiters();',
      '',
      'dead-letters-can-be-worked-with',
      'a-window-can-be-replayed',
    ],
    [
      'attempt: delivery.attempt + 1 }',
      'attempt: delivery.attempt }',
      'attempts-survive-the-process',
      'attempts-are-counted-and-delayed',
      'tiers-wait-on-the-broker',
    ],
    ['this.#deliveryOf(record, 1)', 'this.#deliveryOf(record, 2)', 'payload-id-and-key-arrive-intact'],
    [
      '(this.#member !== undefined && this.#unsettled.size > 0)',
      'false',
      'order-per-key-across-members',
      'members-come-and-go',
    ],
    [
      'delivery.revoke();',
      '',
      'order-per-key-across-members',
      'settling-late-or-twice-does-nothing',
      'drain-ends-at-its-deadline',
    ],
    ['this.#insert({ record: delivery.raw, attempt });', '', 'another-member-takes-over'],
    ['clock.schedule(delayMs,', 'clock.schedule(0,', 'attempts-are-counted-and-delayed', 'tiers-wait-on-the-broker'],
    [
      'this.#insert(returned);\n      this.deliver();',
      'this.deliver();',
      'tiers-wait-on-the-broker',
      'attempts-are-counted-and-delayed',
      'redelivers-after-failure',
    ],
    [
      'this.#insert(returned);\n      this.deliver();',
      'this.#insert(returned);',
      'tiers-wait-on-the-broker',
      'attempts-are-counted-and-delayed',
      'redelivers-after-failure',
    ],
    [
      'record.offset > offset) high',
      'record.offset < offset) high',
      'order-per-key-across-members',
      'closing-and-reopening-loses-nothing',
      'drain-ends-at-its-deadline',
    ],
    ['this.#paused = false;', '', 'closing-and-reopening-loses-nothing', 'another-member-takes-over'],
  ),
  ...of(
    'store.ts',
    [
      'of this.#topics) if (matchesTopic(pattern, name)) found(topic);',
      'of this.#topics) if (false) found(topic);',
      'a-pattern-takes-many-topics',
    ],
    ["if (typeof name === 'string' && NAME.test(name)) return;", 'return;', 'publishing-needs-an-open-application'],
    ['this.#topics.set(name, topic);', '', 'topics-do-not-cross'],
  ),
  ...of(
    'subscriber.ts',
    ['for (const { leave } of this.#memberships) leave();', '', 'another-member-takes-over'],
    [
      'await Promise.all(this.#memberships.map(({ group, member }) => group.untilEnd(member)));',
      '',
      'dead-letters-can-be-worked-with',
    ],
    [
      'sumOfKnown(memberships.map(({ group, member }) => group.waitingFor(member)));',
      '0;',
      'messages-left-behind-are-counted',
    ],
    ['group.join(member);', '', 'topics-do-not-cross'],
    [
      "notices.emit('subscription:warned', { broker, topic: subscribed, group: name, warning });",
      'undefined;',
      'new-group-can-start-at-an-offset',
    ],
  ),
  ...of(
    'unsettled.ts',
    ['last.place = place;', '', 'another-member-takes-over', 'members-come-and-go', 'drain-ends-at-its-deadline'],
    [
      'this.#deliveries[place] = last;',
      '',
      'another-member-takes-over',
      'members-come-and-go',
      'drain-ends-at-its-deadline',
    ],
  ),
  ...of(
    'waiting-messages.ts',
    ['waiting.callOff?.();', '', 'a-message-can-wait'],
    ['if (this.#clocks.length === 1) for', 'if (false) for', 'a-message-can-wait'],
    ['Math.max(0, waiting.dueAt - clock.now())', '0', 'a-message-can-wait'],
    ['this.#clocks.splice(index, 1);', '', 'a-message-can-wait'],
  ),
  ...of(
    'connection.ts',
    [
      "? { status: 'down', problems: ['the connection is closed'] }",
      "? { status: 'up', problems: [] }",
      'health-tells-the-truth',
    ],
    ["problems: ['the connection is closed']", 'problems: []', 'health-tells-the-truth'],
    ['this.producer.close();', '', 'publish-failures-surface'],
    [
      "this.#host.notices.emit('broker:connected', { broker: this.#host.broker });",
      '',
      'broker-unreachable-at-start',
      'health-tells-the-truth',
    ],
    ["queries.map(() => ({ storage: 'process' }) as const)", '[]', 'asking-makes-nothing'],
    ['if (!this.#closed) this.#store', 'if (false) this.#store', 'a-message-can-wait', 'nothing-is-left-open'],
  ),
  ...of(
    'index.ts',
    ['checkTopicOrPattern(topic);', '', 'publishing-needs-an-open-application'],
    ["checkName('TRANSPORT_GROUP_INVALID', 'group', group);", '', 'publishing-needs-an-open-application'],
    [
      'new MemoryConnection(this.#store, host)',
      'new MemoryConnection(new MemoryStore(resolveMemoryOptions({})), host)',
      'topics-do-not-cross',
    ],
  ),
];
