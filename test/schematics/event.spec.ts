import { commonjs, esm, generate, step } from './generate.js';

describe('the event schematic', () => {
  it('writes a definition with a schema, and a spec, for ES modules and Vitest', () => {
    const files = generate(esm, step('event', 'orders/OrderCreated'));
    const definition = files['src/orders/order-created.event.ts'];
    expect(definition).toContain("OrderCreated = defineEvent('order.created'");
    expect(definition).toContain('schema: orderCreatedSchema');
    const spec = files['src/orders/order-created.event.spec.ts'];
    expect(spec).toContain("from 'vitest'");
    expect(spec).toContain("from './order-created.event.js'");
  });

  it('writes a typed definition for CommonJS and Jest where zod is absent', () => {
    const files = generate(commonjs, step('event', 'order-created'));
    expect(files['src/order-created.event.ts']).toContain('defineEvent<OrderCreatedData>');
    const spec = files['src/order-created.event.spec.ts'];
    expect(spec).not.toContain('vitest');
    expect(spec).toContain("from './order-created.event'");
  });

  it('writes into the source root of a project in a monorepo, without a spec where none is wanted', () => {
    const files = generate(esm, step('event', 'paid', { sourceRoot: 'apps/billing/src', spec: false }));
    expect(Object.keys(files).filter((file) => file.includes('paid'))).toEqual(['apps/billing/src/paid.event.ts']);
  });

  it('refuses to overwrite, and names the file', () => {
    const twice = () => generate(esm, step('event', 'paid'), step('event', 'paid'));
    expect(twice).toThrow('src/paid.event.ts is there already');
  });

  it('refuses a name that cannot be one, and a folder without a project', () => {
    expect(() => generate(esm, step('event', '1st'))).toThrow('"1st" is no name');
    expect(() => generate({}, step('event', 'paid'))).toThrow('no package.json');
  });
});
