import { complaintsAbout } from './compile.js';
import { esm, generate, step } from './generate.js';

describe('the driver schematic', () => {
  it('writes the files that every driver has, and the conformance suite over them', async () => {
    const files = await generate(esm, step('driver', 'drivers/carrier-pigeon'));
    const folder = 'src/drivers/carrier-pigeon';
    expect(Object.keys(files).filter((file) => file.startsWith(folder))).toEqual([
      `${folder}/index.ts`,
      `${folder}/capabilities.ts`,
      `${folder}/connection.ts`,
      `${folder}/delivery.ts`,
      `${folder}/carrier-pigeon.conformance.spec.ts`,
    ]);
    expect(files[`${folder}/index.ts`]).toContain(
      'export function carrierPigeon(options: CarrierPigeonOptions): Broker',
    );
    expect(files[`${folder}/carrier-pigeon.conformance.spec.ts`]).toContain('runConformance(');
  });

  it('writes code that the compiler takes', async () => {
    const jest = { ...esm, 'package.json': '{ "type": "module" }' };
    expect(complaintsAbout(await generate(jest, step('driver', 'carrier-pigeon')))).toEqual([]);
  }, 60_000);
});
