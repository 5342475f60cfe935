import { circlesIn } from './circles.js';
import { typeScriptFiles } from './tree.js';

const sources = (): ReturnType<typeof typeScriptFiles> =>
  typeScriptFiles().filter(({ path }) => path.startsWith('libs/transport/src/') && !path.endsWith('.spec.ts'));

describe('files of the library', () => {
  it('import each other in no circle, types included', () => {
    expect(circlesIn(sources())).toEqual([]);
    expect(sources().length).toBeGreaterThan(400);
  });

  it('would be caught in a circle of two, and of three through a type', () => {
    const planted = [
      { path: 'src/a.ts', text: "import { b } from './b.js';" },
      { path: 'src/b.ts', text: "import { a } from './a.js';" },
      { path: 'src/c.ts', text: "import type { D } from './deep/d.js';" },
      { path: 'src/deep/d.ts', text: "import { e } from '../e.js';" },
      { path: 'src/e.ts', text: "export { C } from './c.js';" },
      { path: 'src/f.ts', text: "import { a } from './a.js';" },
    ];
    expect(circlesIn(planted)).toEqual([
      ['src/a.ts', 'src/b.ts'],
      ['src/c.ts', 'src/deep/d.ts', 'src/e.ts'],
    ]);
  });
});
