import { existsSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { anchorsOf, proseOf, type Page } from './markdown.js';

/** How a checker looks at the clone; a planted page brings its own. */
export interface Tree {
  exists(path: string): boolean;
  /** The text of a page; undefined for what is no page. */
  page(path: string): string | undefined;
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

export function linksOf(text: string): Link[] {
  return proseOf(text.replace(/\[`([^`\]]*)`\]/g, '[$1]'))
    .split('\n')
    .flatMap((line, index) =>
      [...line.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map(([, target = '']) => ({
        line: index + 1,
        target,
      })),
    );
}

/** Links to other files of the clone, or to headings, that lead nowhere. */
export function deadLinks({ path, text }: Page, tree: Tree): string[] {
  return linksOf(text)
    .filter(({ target }) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
    .flatMap(({ line, target }) => {
      const problem = problemOf(path, text, target, tree);
      return problem === undefined ? [] : [`${path}:${line} ${target}: ${problem}`];
    });
}

function problemOf(from: string, text: string, target: string, tree: Tree): string | undefined {
  const [file = '', anchor] = decodeURIComponent(target).split('#', 2);
  if (file.startsWith('/')) return 'begins with "/", which is the root of the disk to some readers';
  const path = file === '' ? from : posix.normalize(posix.join(posix.dirname(from), file));
  if (file !== '' && (path.startsWith('..') || !tree.exists(path))) return 'there is no such file';
  if (anchor === undefined) return undefined;
  const page = file === '' ? text : tree.page(path);
  if (page === undefined) return 'only pages have headings';
  return anchorsOf(page).has(anchor) ? undefined : 'the page has no such heading';
}

/** The clone itself. */
export function treeAt(root: string, read: (path: string) => string): Tree {
  return {
    exists: (path) => existsSync(posix.join(root, path)),
    page: (path) => (path.endsWith('.md') && statSync(posix.join(root, path)).isFile() ? read(path) : undefined),
  };
}
