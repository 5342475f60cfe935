import type { Broker, Capabilities } from '../../contract/index.js';
import { MEMORY_CAPABILITIES } from '../../drivers/memory/capabilities.js';
import { resolveConsumingOptions, type ConsumingOptions } from '../consuming-options.js';
import { startWarnings } from './start-warnings.js';

const warnings = (capabilities: Partial<Capabilities>, options: ConsumingOptions, keyed: boolean | undefined) => {
  const all = { ...MEMORY_CAPABILITIES, ...capabilities };
  const broker = { driver: 'test', capabilities: all } as Broker;
  const route = {
    type: undefined,
    schema: undefined,
    handle: () => undefined,
    ...(keyed === undefined ? {} : { keyed }),
  };
  const plan = { topic: 't', group: 'g', where: 'x', options, routes: [route] };
  return startWarnings(broker, plan, resolveConsumingOptions('x', options, all));
};

describe('a start warns', () => {
  test('that concurrency does nothing where events have no key and a partition keeps its order', () => {
    expect(warnings({}, {}, false)).toEqual([expect.stringContaining('whatever concurrency (16) says')]);
    expect(warnings({}, { concurrency: 1 }, false)).toEqual([]);
    expect(warnings({ orderByPartition: 'unsupported' }, {}, false)).toEqual([]);
  });

  test('that the order of keys is not kept, unless the ordering was written down', () => {
    const unordered = { orderByKey: 'unsupported', orderAcrossMembers: 'unsupported' } as const;
    expect(warnings(unordered, {}, true)).toEqual([expect.stringContaining('cannot keep the order of a key')]);
    expect(warnings(unordered, { ordering: 'none' }, true)).toEqual([]);
    expect(warnings(unordered, {}, undefined)).toEqual([]);
  });

  test('that the order of keys is kept within one member only, unless the ordering was written down', () => {
    expect(warnings({ orderAcrossMembers: 'unsupported' }, {}, true)).toEqual([
      expect.stringContaining('within one member of the group'),
    ]);
    expect(warnings({ orderAcrossMembers: 'unsupported' }, { ordering: 'key' }, true)).toEqual([]);
    expect(warnings({}, {}, true)).toEqual([]);
  });
});
