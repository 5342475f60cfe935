import { read } from '../architecture/tree.js';
import { freePorts } from '../../tools/brokers/ports.mjs';
import { blocksOf, type Block } from '../docs/markdown.js';
import { NewApplication } from './new-application.js';

const blocks = blocksOf(read('docs/guides/getting-started.md').text);
const linesOf = (info: string): string[] =>
  blocks.filter((block) => block.info === info).flatMap(({ text }) => text.split('\n'));
const nestCommands = linesOf('sh')
  .filter((line) => line.startsWith('npx nest '))
  .map((line) => line.split(' ').slice(2));
const build = nestCommands.findIndex(([name]) => name === 'build');
const requests = linesOf('sh').flatMap((line) => /^curl -X POST localhost:3000(\S+)$/.exec(line)?.[1] ?? []);
const start = linesOf('sh').flatMap((line) => /^node (\S+)$/.exec(line)?.[1] ?? []);
const programs = blocks.filter(({ info }) => /^ts\b/.test(info));

/** The file that a block names in its first line. */
function fileOf({ text }: Block): readonly [path: string, text: string] {
  const path = /^\/\/ (src\/\S+)\n/.exec(text)?.[1];
  if (path === undefined) throw new Error(`A program of the page does not say its file: ${text.slice(0, 80)}`);
  return [path, `${text}\n`];
}

describe('the commands and programs of docs/guides/getting-started.md', () => {
  let app: NewApplication;
  beforeAll(async () => {
    app = await NewApplication.made(12);
    for (const command of nestCommands.slice(0, build)) {
      app.nest(...command.map((word, at) => (command[at - 1] === 'add' ? `${word}@file:nest-transport.tgz` : word)));
    }
    for (const [path, text] of programs.map(fileOf)) app.write(path, text);
  }, 300_000);
  afterAll(() => app.remove());

  it('make of a new application a service that passes its tests, prints what the page shows, and ends with 0 on SIGTERM', async () => {
    app.script('test');
    app.nest('build');
    const [port = 0] = await freePorts(1);
    const service = app.start({ PORT: `${port}` }, start);
    await service.listensOn(port);
    for (const path of requests) {
      const { status } = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' });
      expect({ path, status }).toEqual({ path, status: 201 });
    }
    const shown = linesOf('text');
    for (const line of shown.slice(0, -1)) await service.printed(line);
    service.kill('SIGTERM');
    expect({ ended: await service.exited, output: service.output }).toEqual({
      ended: 0,
      output: expect.stringContaining(shown.at(-1) ?? 'nothing'),
    });
  }, 120_000);

  it('are all read from the page', () => {
    expect(nestCommands.map(([name]) => name)).toEqual(['add', 'g', 'g', 'g', 'build']);
    expect(requests).toEqual(['/orders/o-1', '/orders/bad']);
    expect(start).toEqual(['dist/main.js']);
    expect(programs.map(fileOf)).toHaveLength(3);
    expect(linesOf('text').length).toBeGreaterThan(3);
    expect(() => fileOf({ info: 'ts', line: 1, text: 'const x = 1;' })).toThrow('does not say its file');
  });
});
