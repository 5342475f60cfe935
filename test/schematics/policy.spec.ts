import { complaintsAbout } from './compile.js';
import { esm, generate, step } from './generate.js';

describe('the policy schematic', () => {
  it('writes a function around handlers, and its spec', async () => {
    const files = await generate(esm, step('policy', 'billing/OfficeHours'));
    expect(files['src/billing/office-hours.policy.ts']).toContain('export const officeHours: PolicyFunction');
    expect(files['src/billing/office-hours.policy.spec.ts']).toContain("from './office-hours.policy.js'");
  });

  it('writes code that the compiler takes', async () => {
    const jest = { ...esm, 'package.json': '{ "type": "module" }' };
    expect(complaintsAbout(await generate(jest, step('policy', 'office-hours')))).toEqual([]);
  }, 60_000);
});
