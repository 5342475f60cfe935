/** A name that can be imported, and its docstring. */
export interface Told {
  readonly name: string;
  readonly docstring: string;
}

/** Names that a built page of the API has no section for, or one without the first line of their docstring. */
export function untold(html: string, names: readonly Told[]): string[] {
  const sections = sectionsOf(html);
  return names.flatMap(({ name, docstring }) => {
    const section = sections.get(name);
    if (section === undefined) return [`${name}: the page does not have it`];
    return section.includes(firstLine(docstring)) ? [] : [`${name}: the page does not say "${docstring}"`];
  });
}

/** Members whose docstring stands on none of some built pages, by its first line. */
export function unsaid(pages: readonly string[], members: readonly Told[]): string[] {
  const said = pages.map((html) => letters(textOf(html))).join('\n');
  return members.filter(({ docstring }) => !said.includes(firstLine(docstring))).map(({ name }) => name);
}

const firstLine = (docstring: string): string => letters(docstring.split('\n', 1)[0] ?? '');

/** The letters of what stands under each heading of a name. */
function sectionsOf(html: string): Map<string, string> {
  const sections = new Map<string, string>();
  for (const part of html.split('<h3 ').slice(1)) {
    const [heading = '', body = ''] = part.split('</h3>', 2);
    // n.b. before the name stands what it is ("abstract"), behind it its type parameters and a link to itself.
    const [, name = ''] = /(\w+)(\(\))?(<.*>)?$/.exec(textOf(heading.replace(/^[^>]*>|<a [^]*$/g, '')).trim()) ?? [];
    sections.set(name, (sections.get(name) ?? '') + letters(textOf(body)));
  }
  return sections;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', '#39': "'" };

const textOf = (html: string): string =>
  html.replace(/<[^>]*>/g, '').replace(/&(#?\w+);/g, (entity, name: string) => ENTITIES[name] ?? entity);

/** n.b. marks of Markdown are not on the page, and quotes become typographic there. */
const letters = (text: string): string => text.replace(/[^\p{L}\p{N}]/gu, '');
