import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { freePorts, reserve } from '../../tools/brokers/ports.mjs';

const PORTS = fileURLToPath(new URL('../../tools/brokers/ports.mjs', import.meta.url));

/** Reserves a port in a process of its own. @returns what that said */
function reserveElsewhere(port: number): string {
  const program = `import { reserve } from ${JSON.stringify(PORTS)}; console.log(reserve(${port}));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
  return stdout.trim();
}

it('a port that a living process has chosen is chosen by no other, though nobody listens on it yet', async () => {
  const [port = 0] = await freePorts(1);
  expect(reserveElsewhere(port)).toBe('false');
  expect(reserve(port)).toBe(false);
});

it('the port of a process that has ended can be chosen again', () => {
  const port = 19_999;
  expect(reserveElsewhere(port)).toBe('true');
  expect(reserve(port)).toBe(true);
});
