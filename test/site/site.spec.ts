import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type Page } from 'playwright-core';
import ts from 'typescript';
import { entryPointsOf } from '../../docs/.vitepress/entry-points.mjs';
import { pagesOf } from '../../docs/.vitepress/pages.mjs';
import { root } from '../architecture/tree.js';
import { membersOf } from '../docs/said.js';
import { publicNames, publicProgram } from '../docs/sources.js';
import { browserProgram, launch } from './browser.js';
import { buildSite } from './build.js';
import { unsaid, untold } from './names.js';
import { serve, type StaticServer } from './static-server.js';

const program = browserProgram();
const describeInBrowser = program === undefined ? describe.skip : describe; // no browser is here; the line above says what brings it

const isProtected = (declaration: ts.Declaration): boolean =>
  (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Protected) !== 0;

/** Runs in the browser: what is wider than the place it has; columns of a log may scroll. */
const TOO_WIDE = `(() => {
  const isWide = (each) => each.scrollWidth > each.clientWidth + 1;
  const code = [...document.querySelectorAll('.vp-doc div:not(.language-text) > pre')].filter(isWide);
  return [...(isWide(document.documentElement) ? ['the page'] : []), ...code.map((each) => each.textContent)];
})()`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nest-transport-site-'));
  const { code, stderr } = await buildSite(folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringMatching(/error|warn/i) });
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the site of `npm run docs`', () => {
  it('has every page of docs/, the README, the changelog and CONTRIBUTING, one for each entry point, and no other', () => {
    const built = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => path.endsWith('.html') && path !== '404.html');
    const places = pagesOf(root).map(({ place }) => place.replace(/\.md$/, '.html'));
    expect(built.sort()).toEqual(places.sort());
    expect(built.length).toBeGreaterThan(45);
  });

  const pageOf = ({ name }: { name: string }): string => readFileSync(join(folder, `api/${name}.html`), 'utf8');
  const docstringOf = (symbol: ts.Symbol): string =>
    ts.displayPartsToString(symbol.getDocumentationComment(publicProgram().getTypeChecker()));

  it('has every public name on the page of its entry point, with its docstring', () => {
    const names = publicNames().map((each) => ({ ...each, docstring: docstringOf(each.symbol) }));
    const complaints = entryPointsOf(root).flatMap((entryPoint) =>
      untold(
        pageOf(entryPoint),
        names.filter((each) => entryPoint.title === `nest-transport${each.entryPoint.slice(1)}`),
      ).map((complaint) => `${entryPoint.title}: ${complaint}`),
    );
    expect(complaints).toEqual([]);
    expect(names.length).toBeGreaterThan(250);
  }, 60_000);

  it('says what their members do', () => {
    const members = publicNames().flatMap(({ name, symbol }) =>
      membersOf(publicProgram().getTypeChecker(), symbol)
        .filter((member) => !member.declarations?.some(isProtected))
        .map((member) => ({ name: `${name}.${member.name}`, docstring: docstringOf(member) })),
    );
    // n.b. of a union the site shows the signature; what these two are, the docstring of their type says.
    const inUnion = ['TransportModuleOptions.broker', 'TransportModuleOptions.brokers'];
    expect(unsaid(entryPointsOf(root).map(pageOf), members)).toEqual(inUnion);
    expect(members.filter(({ docstring }) => docstring !== '').length).toBeGreaterThan(500);
  });
});

describeInBrowser('in a browser', () => {
  let server: StaticServer;
  let browser: Browser;
  let page: Page;
  /** What a reader would not see, and what leaves the machine. */
  let complaints: string[];

  beforeAll(async () => {
    [server, browser] = await Promise.all([serve(folder), launch(program ?? '')]);
  });
  afterAll(async () => {
    await browser.close();
    await server.stop();
  });
  beforeEach(async () => {
    complaints = [];
    page = await browser.newPage();
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('request', (request) => request.url().startsWith(server.url) || complaints.push(request.url()));
  });
  afterEach(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });

  const heading = (): Promise<string> => page.locator('main h1').innerText();

  it('the start page has a button to get started, and shows the README, whose links lead on to a guide', async () => {
    await page.goto(`${server.url}/`);
    expect(await page.locator('.VPHome h1').innerText()).toContain('nest-transport');
    await page.locator('.VPHome').getByRole('link', { name: 'Get started', exact: true }).click();
    await page.locator('main h1', { hasText: 'Getting started' }).waitFor();
    await page.goto(`${server.url}/`);
    await page.locator('.VPHome').getByRole('link', { name: 'Nest guide' }).first().click();
    await page.locator('main h1', { hasText: 'Use it in a Nest application' }).waitFor();
  });

  it('guides come first in the sidebar, pages about the project last, and a link to a heading goes there', async () => {
    await page.goto(`${server.url}/guides/troubleshooting.html`);
    expect(await heading()).toContain('Troubleshooting');
    const groups = await page.locator('.VPSidebarItem.level-0 > .item h2').allInnerTexts();
    expect(groups).toEqual(['Guides', 'Brokers', 'Reference', 'API reference', 'Decisions (ADR)', 'Project']);
    await page.locator('main').getByRole('link', { name: 'rejects or does not answer publishes of a topic' }).click();
    await page.waitForURL('**/reliability.html#rejected-publishes');
    await page.locator('h2#rejected-publishes').waitFor();
  });

  it('an entry point stands in the sidebar, and a type of another entry point leads to where that is described', async () => {
    await page.goto(`${server.url}/guides/codecs.html`);
    await page.locator('.VPSidebar').getByRole('link', { name: 'nest-transport/kafka' }).click();
    await page.locator('main h1', { hasText: 'nest-transport/kafka' }).waitFor();
    await page.locator('main').getByRole('link', { name: 'Broker', exact: true }).first().click();
    await page.waitForURL('**/api/#broker');
    await page.locator('h3#broker').waitFor();
  });

  it('the API starts with what most readers look for, and folds members; a link to a member opens it', async () => {
    await page.goto(`${server.url}/api/`);
    const names = await page.locator('main h3').allInnerTexts();
    expect(names.slice(0, 3)).toEqual(
      ['TransportModule', 'Subscribe()', 'abstract Publisher'].map((name) => expect.stringContaining(name)),
    );
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThan(50_000);
    expect(await page.locator('#forroot').isVisible()).toBe(false);
    await page.goto(`${server.url}/`);
    await page.goto(`${server.url}/api/#forroot`);
    await page.locator('#forroot').waitFor({ state: 'visible' });
  });

  it.each([
    ['dead letter', 'Dead letter queue (DLQ)', /Dead letter queue|Handlers/],
    ['dlq', 'Dead letter queue (DLQ)', /Dead letter queue|Handlers/],
    ['idempotent', 'Idempotency', /Handlers|Delivery semantics/],
    ['graceful shutdown', 'Graceful shutdown', /Nest application|Troubleshooting/],
    ['backpressure', 'Backpressure', /Handlers/],
    ['opentelemetry', 'Health and readiness', /Nest application/],
    ['terminus', 'Health and readiness', /Nest application/],
  ])('the search finds "%s", and leads to what it found', async (query, result, title) => {
    await page.goto(`${server.url}/`);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('searchbox').fill(query);
    await page.locator('.result', { hasText: result }).first().click();
    await page.locator('main h1', { hasText: title }).waitFor();
  });

  it.each([390, 1366, 1920])('at a width of %d nothing is wider than the window, and code fits', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    for (const path of ['', 'guides/handlers.html', 'guides/describe.html', 'conformance.html', 'api/kafka.html']) {
      await page.goto(`${server.url}/${path}`);
      const tooWide = await page.evaluate(TOO_WIDE);
      expect({ path, tooWide }).toEqual({ path, tooWide: [] });
    }
  });

  it('the matrix of brokers fits a screen of 1366 px', async () => {
    await page.setViewportSize({ width: 1366, height: 768 });
    await page.goto(`${server.url}/conformance.html`);
    const tables = await page
      .locator('main table')
      .evaluateAll((all) => all.map((each) => each.scrollWidth - each.clientWidth));
    expect(tables.every((hidden) => hidden <= 1)).toBe(true);
    expect(tables.length).toBeGreaterThan(1);
  });

  it('says when a page is not there', async () => {
    await page.goto(`${server.url}/guides/gone.html`);
    expect(complaints.splice(0)).toEqual([expect.stringContaining('404')]);
  });
});
