// The start page of the site is the README under a hero; on a forge it is the README alone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIBRARY } from './entry-points.mjs';

/** @typedef {{ title: string, tagline: string }} Opening */

/**
 * What the README opens with: its heading and its first paragraph.
 * @param {string} text
 * @returns {Opening}
 */
export function openingOf(text) {
  const [, title = '', tagline = ''] = /^# (.+)\n\n([^]*?)\n\n/.exec(text) ?? [];
  return { title, tagline: tagline.replaceAll('\n', ' ') };
}

/**
 * @param {Opening} opening
 * @param {string | undefined} repository address of the repository
 */
export const heroOf = ({ title, tagline }, repository) => ({
  layout: 'home',
  hero: {
    name: title,
    tagline,
    actions: [
      { theme: 'brand', text: 'Get started', link: '/guides/getting-started.html' },
      { theme: 'alt', text: 'Guides', link: '/contents.html' },
      { theme: 'alt', text: 'API reference', link: '/api/' },
      ...(repository === undefined ? [] : [{ theme: 'alt', text: 'Repository', link: repository }]),
    ],
  },
});

/**
 * The repository that the manifest of the package names, as an address for a browser.
 * @param {string} root of the clone
 * @returns {string | undefined}
 */
export function repositoryOf(root) {
  /** @type {{ repository?: string | { url?: string } }} */
  const { repository } = JSON.parse(readFileSync(join(root, LIBRARY, 'package.json'), 'utf8'));
  const url = typeof repository === 'string' ? repository : repository?.url;
  return url === undefined ? undefined : url.replace(/^git\+/, '').replace(/\.git$/, '');
}

/**
 * A plugin of markdown-it: the hero shows heading and first paragraph of the README, so the page below does not.
 * @param {import('vitepress').MarkdownRenderer} md
 * @param {(file: string) => boolean} isHome
 */
export function withoutOpening(md, isHome) {
  md.core.ruler.push('without-opening', ({ tokens, env }) => {
    if (!isHome(env.realPath ?? env.path ?? '')) return;
    const [heading, , , paragraph] = tokens;
    if (heading?.tag === 'h1' && paragraph?.type === 'paragraph_open') tokens.splice(0, 6);
  });
}
