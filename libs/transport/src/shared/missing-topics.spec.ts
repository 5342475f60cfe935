import { TransportError } from '../contract/index.js';
import { ensureEach } from './missing-topics.js';

const missing = (topic: string): Promise<never> =>
  Promise.reject(new TransportError('TRANSPORT_TOPIC_MISSING', `"${topic}" is missing.`, { topic, driver: 'd' }));

describe('topics', () => {
  it('that are missing are named by one error, after all were looked for', async () => {
    const looked: string[] = [];
    const ensuring = ensureEach(['a', 'b', 'c'], (topic) => {
      looked.push(topic);
      return topic === 'b' ? Promise.resolve() : missing(topic);
    });
    await expect(ensuring).rejects.toMatchObject({
      message: '"a" is missing. "c" is missing. (TRANSPORT_TOPIC_MISSING)',
      topic: 'a',
      driver: 'd',
    });
    expect(looked).toEqual(['a', 'b', 'c']);
  });

  it('are looked for no further after another error', async () => {
    const refused = new Error('not allowed');
    const ensuring = ensureEach(['a', 'b', 'c'], (topic) => (topic === 'b' ? Promise.reject(refused) : missing(topic)));
    await expect(ensuring).rejects.toBe(refused);
  });

  it('that are all there are no error', async () => {
    await expect(ensureEach(['a'], () => Promise.resolve())).resolves.toBeUndefined();
  });
});
