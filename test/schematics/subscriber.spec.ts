import { complaintsAbout } from './compile.js';
import { commonjs, esm, generate, step } from './generate.js';

const ORDERS_MODULE = "import { Module } from '@nestjs/common';\n@Module({})\nexport class OrdersModule {}\n";

describe('the subscriber schematic', () => {
  it('writes handler, spec and the missing event, and registers the handler', async () => {
    const files = await generate(esm, step('subscriber', 'orders/order-created'));
    expect(
      Object.keys(files)
        .filter((file) => file.startsWith('src/orders/'))
        .sort(),
    ).toEqual([
      'src/orders/order-created.event.spec.ts',
      'src/orders/order-created.event.ts',
      'src/orders/order-created.subscriber.spec.ts',
      'src/orders/order-created.subscriber.ts',
    ]);
    const module = files['src/app.module.ts'];
    expect(module).toContain('controllers: [OrderCreatedSubscriber]');
    expect(module).toContain("import { OrderCreatedSubscriber } from './orders/order-created.subscriber.js';");
  });

  it('takes the event that is there, wherever it lies', async () => {
    const files = await generate(
      commonjs,
      step('event', 'contracts/order-created'),
      step('subscriber', 'stock/order-created'),
    );
    expect(files['src/stock/order-created.event.ts']).toBeUndefined();
    expect(files['src/stock/order-created.subscriber.ts']).toContain("from '../contracts/order-created.event'");
  });

  it('refuses to choose between two events of one name', async () => {
    const ask = () => generate(esm, step('event', 'a/paid'), step('event', 'b/paid'), step('subscriber', 'paid'));
    await expect(ask()).rejects.toThrow(
      /src\/a\/paid.event.ts, src\/b\/paid.event.ts.*\(TRANSPORT_PROJECT_UNEXPECTED\)$/,
    );
  });

  it('registers with the nearest module', async () => {
    const files = await generate(
      { ...esm, 'src/orders/orders.module.ts': ORDERS_MODULE },
      step('subscriber', 'orders/paid'),
    );
    expect(files['src/orders/orders.module.ts']).toContain('controllers: [PaidSubscriber]');
    expect(files['src/app.module.ts']).toBe(esm['src/app.module.ts']);
  });

  it('leaves modules alone when told so', async () => {
    const files = await generate(esm, step('subscriber', 'paid', { skipImport: true }));
    expect(files['src/app.module.ts']).toBe(esm['src/app.module.ts']);
  });

  it('says what to write by hand where a module is not written as it expects', async () => {
    const odd =
      "import { Module } from '@nestjs/common';\nconst controllers = [];\n@Module({ controllers })\nexport class AppModule {}\n";
    const ask = () => generate({ ...esm, 'src/app.module.ts': odd }, step('subscriber', 'paid'));
    await expect(ask()).rejects.toThrow('add PaidSubscriber to it by hand');
  });

  it('writes code that the compiler takes, with and without a schema', async () => {
    const jest = { ...esm, 'package.json': JSON.stringify({ type: 'module', dependencies: { zod: '4' } }) };
    const plain = { ...esm, 'package.json': JSON.stringify({ type: 'module' }) };
    for (const project of [jest, plain]) {
      expect(complaintsAbout(await generate(project, step('subscriber', 'orders/order-created')))).toEqual([]);
    }
  }, 60_000);

  it('would notice generated code that the compiler does not take', async () => {
    expect(complaintsAbout({ 'src/a.ts': "export const a: number = 'one';" })).toHaveLength(1);
  }, 60_000);
});
