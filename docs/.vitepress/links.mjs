// Links are written for a forge, relative to the file. Here they become links of the site.
import { posix, relative, sep } from 'node:path';
import { placeOf } from './pages.mjs';

/**
 * A plugin of markdown-it. Links to pages become absolute on the site; links to other files of the clone, which are not
 * on the site, become text that says where the file is. What leads to no file is left as it is: the build refuses it.
 * @param {import('vitepress').MarkdownRenderer} md
 * @param {{ root: string, exists: (path: string) => boolean }} clone
 */
export function linksOfTheClone(md, { root, exists }) {
  md.core.ruler.push('links-of-the-clone', ({ tokens, env }) => {
    const file = env.realPath ?? env.path;
    if (file === undefined) return; // the label of a folded part has no page and no links
    const from = relative(root, file).split(sep).join('/');
    for (const { children } of tokens) {
      for (const [index, token] of (children ?? []).entries()) {
        if (token.type !== 'link_open') continue;
        const link = linkOnSite(from, String(token.attrGet('href')), exists);
        if ('href' in link) token.attrSet('href', link.href);
        else asText(children ?? [], index, link.file);
      }
    }
  });
}

/**
 * @param {string} from the page it stands on
 * @param {string} href
 * @param {(path: string) => boolean} exists
 * @returns {{ href: string } | { file: string }}
 */
export function linkOnSite(from, href, exists) {
  if (/^([a-z][a-z0-9+.-]*:|#|\/)/i.test(href)) return { href };
  const [file = '', anchor] = href.split('#', 2);
  const path = posix.join(posix.dirname(from), decodeURIComponent(file));
  const place = placeOf(path);
  if (!exists(path)) return { href };
  if (place === undefined) return { file: path };
  return { href: `/${place}${anchor === undefined ? '' : `#${anchor}`}` };
}

/**
 * @param {import('markdown-it').Token[]} tokens
 * @param {number} index of the link's begin
 * @param {string} file
 */
function asText(tokens, index, file) {
  const end = tokens.findIndex((token, at) => at > index && token.type === 'link_close');
  for (const at of [index, end]) {
    const token = tokens[at];
    if (token) [token.tag, token.attrs] = ['span', at === index ? [['title', `In the repository: ${file}`]] : null];
  }
}
