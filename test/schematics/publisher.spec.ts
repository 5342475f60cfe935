import { complaintsAbout } from './compile.js';
import { commonjs, esm, generate, step } from './generate.js';

describe('the publisher schematic', () => {
  it('writes provider, spec and the missing event, and registers the provider', async () => {
    const files = await generate(esm, step('publisher', 'orders/order-created'));
    expect(files['src/orders/order-created.publisher.ts']).toContain('export class OrderCreatedPublisher');
    expect(files['src/orders/order-created.publisher.spec.ts']).toContain("from 'vitest'");
    expect(files['src/orders/order-created.event.ts']).toContain("defineEvent('order.created'");
    expect(files['src/app.module.ts']).toContain('providers: [OrderCreatedPublisher]');
  });

  it('shares the event with a subscriber that is there', async () => {
    const files = await generate(commonjs, step('subscriber', 'a/paid'), step('publisher', 'b/paid'));
    expect(files['src/b/paid.event.ts']).toBeUndefined();
    expect(files['src/b/paid.publisher.ts']).toContain("from '../a/paid.event'");
  });

  it('writes code that the compiler takes', async () => {
    const jest = { ...esm, 'package.json': '{ "type": "module" }' };
    expect(complaintsAbout(await generate(jest, step('publisher', 'orders/order-created')))).toEqual([]);
  }, 60_000);
});
