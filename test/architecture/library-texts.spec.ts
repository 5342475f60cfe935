import { ROOMS } from './rooms.js';
import { textsForUsOnly } from './library-texts.js';
import { filesUnder, typeScriptFiles } from './tree.js';

describe('the texts of the library', () => {
  const files = typeScriptFiles().filter(
    ({ path }) => path.startsWith('libs/transport/src/') && !path.endsWith('.spec.ts'),
  );

  it('name no command and no file that only this repository has', () => {
    expect(files.flatMap(textsForUsOnly)).toEqual([]);
    expect(files.length).toBeGreaterThan(100);
  });

  it.each([
    ['npm run brokers:up', 'throw new Error(\'Try "npm run brokers:up".\');'],
    ['docs/drivers/kafka.md', 'const x = `see docs/drivers/kafka.md, or ${y}`;'],
    ['docs/errors.md', 'const x = `${y}: see docs/errors.md`;'],
  ])('would be caught with %s', (what, text) => {
    expect(textsForUsOnly({ path: 'planted.ts', text })).toEqual([`planted.ts:1 ${what}`]);
  });

  it('may name them in a comment, the script of a user, and a page by its address', () => {
    const text =
      "// docs/drivers/kafka.md\nconst a = 'npm run broker:up';\nconst b = 'https://github.com/x/y/blob/main/docs/errors.md';";
    expect(textsForUsOnly({ path: 'planted.ts', text })).toEqual([]);
  });
});

test('every part of the library in the table of imports exists', () => {
  const paths = [...filesUnder()];
  const missing = Object.keys(ROOMS).filter(
    (name) => name !== 'entry point' && !paths.some((path) => path.startsWith(`libs/transport/src/${name}/`)),
  );
  expect(missing).toEqual([]);
});
