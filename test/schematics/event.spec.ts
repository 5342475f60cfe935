import { commonjs, esm, generate, step } from './generate.js';

describe('the event schematic', () => {
  it('writes a definition with a schema, and a spec, for ES modules and Vitest', async () => {
    const files = await generate(esm, step('event', 'orders/OrderCreated'));
    const definition = files['src/orders/order-created.event.ts'];
    expect(definition).toContain("OrderCreated = defineEvent('order.created'");
    expect(definition).toContain('schema: orderCreatedSchema');
    const spec = files['src/orders/order-created.event.spec.ts'];
    expect(spec).toContain("from 'vitest'");
    expect(spec).toContain("from './order-created.event.js'");
  });

  it('writes a typed definition for CommonJS and Jest where zod is absent', async () => {
    const files = await generate(commonjs, step('event', 'order-created'));
    expect(files['src/order-created.event.ts']).toContain('defineEvent<OrderCreatedData>');
    const spec = files['src/order-created.event.spec.ts'];
    expect(spec).not.toContain('vitest');
    expect(spec).toContain("from './order-created.event'");
  });

  it('writes into the source root of a project in a monorepo, without a spec where none is wanted', async () => {
    const files = await generate(esm, step('event', 'paid', { sourceRoot: 'apps/billing/src', spec: false }));
    expect(Object.keys(files).filter((file) => file.includes('paid'))).toEqual(['apps/billing/src/paid.event.ts']);
  });

  it('refuses to overwrite, and names the file', async () => {
    const twice = () => generate(esm, step('event', 'paid'), step('event', 'paid'));
    await expect(twice()).rejects.toThrow(/^src\/paid.event.ts is there already.*\(TRANSPORT_FILE_EXISTS\)$/);
  });

  it('refuses a name that cannot be one, and a folder without a project', async () => {
    await expect(generate(esm, step('event', '1st'))).rejects.toThrow(
      /"1st" is no name.*\(TRANSPORT_OPTION_INVALID\)$/,
    );
    await expect(generate({}, step('event', 'paid'))).rejects.toThrow(
      /no package.json.*\(TRANSPORT_PROJECT_UNEXPECTED\)$/,
    );
  });
});
