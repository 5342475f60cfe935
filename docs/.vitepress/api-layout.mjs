// How a page of the API reads: what most readers look for first, then an index, and what is long is folded.
import { slugOf } from './forge.mjs';

/** The names that a page starts with, in this order, where the entry point has them. */
const FIRST = [
  ...['TransportModule', 'Subscribe', 'Publisher', 'defineEvent', 'createTransportApp', 'Respond', 'MessageContext'],
  ...['RetryAfter', 'DeadLetter', 'Drop', 'TransportHealth', 'Notices', 'TransportError', 'SubscribeOptions'],
  ...['TestTransport', 'expectIdempotent', 'runConformance', 'NsqProducer', 'NsqConsumer'],
];

/** The index is of use where a page has more names than fit on a screen. */
const NAMES_WITHOUT_INDEX = 12;

/** @typedef {{ name: string, anchor: string, text: string }} Item the text starts with the heading */
/** @typedef {{ title: string, items: Item[] }} Group */

/**
 * A page of an entry point, as TypeDoc writes it, in the order in which it is read.
 * @param {string} text
 * @returns {string}
 */
export function laidOut(text) {
  const [head = '', ...sections] = text.split(/^(?=## )/m);
  const groups = sections.map(groupOf);
  const all = groups.flatMap(({ items }) => items);
  const first = FIRST.flatMap((name) => all.filter((item) => item.name === name));
  const rest = groups
    .map(({ title, items }) => ({ title, items: items.filter((item) => !first.includes(item)) }))
    .filter(({ items }) => items.length > 0);
  const start = first.length > 0 ? [{ title: 'Start here', items: first }] : [];
  const index = all.length > NAMES_WITHOUT_INDEX ? [indexOf([...start, ...rest])] : [];
  return [head.trimEnd(), ...index, ...[...start, ...rest].map(sectionOf)].join('\n\n');
}

/**
 * @param {string} section
 * @returns {Group}
 */
function groupOf(section) {
  const [heading = '', ...items] = section.split(/^(?=### )/m);
  return { title: heading.replace(/^## /, '').trim(), items: items.map(itemOf) };
}

/**
 * @param {string} text
 * @returns {Item}
 */
function itemOf(text) {
  const [, heading = ''] = /^### (.*)$/m.exec(text) ?? [];
  const [, name = ''] = /^(?:`abstract` )?(\w+)/.exec(heading.replaceAll('\\', '')) ?? [];
  return { name, anchor: slugOf(heading), text: text.replace(/\n\*\*\*\s*$/, '').trimEnd() };
}

/**
 * The names of each group with links to them.
 * @param {Group[]} groups
 */
const indexOf = (groups) =>
  groups
    .map(({ title, items }) => `**${title}**: ${items.map(({ name, anchor }) => `[${name}](#${anchor})`).join(', ')}`)
    .join('\n\n');

/** @param {Group} group */
const sectionOf = ({ title, items }) => [`## ${title}`, ...items.map(({ text }) => folded(text))].join('\n\n');

/**
 * Signature and docstring stay; parameters and members are folded, under a line that says what they are.
 * @param {string} item
 */
function folded(item) {
  const at = item.search(/^#{4,} (?!Call Signature)/m);
  if (at < 0) return item;
  const [shown, hidden] = [item.slice(0, at).trimEnd(), item.slice(at).trimEnd()];
  const parts = new Set(
    [
      ...hidden.matchAll(
        /^#{4,5} (Constructors|Properties|Methods|Parameters|Type Declaration|Returns|Throws|Call Signature)$/gm,
      ),
    ].map(([, part = '']) => part),
  );
  const label = [...parts].join(', ') || 'Details';
  return `${shown}\n\n::: details ${label}\n${hidden}\n:::`;
}
