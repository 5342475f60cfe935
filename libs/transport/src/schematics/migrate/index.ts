import type { Rule, SchematicContext, Tree } from '@angular-devkit/schematics';
import { changeFile } from '../files.js';
import { addToModule, nearestModule } from '../module-file.js';
import { addPackages, hasTransport, mainOf, serviceName } from '../nest-add/index.js';
import { connectMain } from '../nest-add/main-file.js';
import { projectOf } from '../project.js';
import { unexpected } from '../refusal.js';
import { sourcesBelow } from '../source-files.js';
import { golevelupRegistration, registrationOf, type Registration } from './broker-expression.js';
import { migrateClients } from './clients.js';
import { FileDraft } from './draft.js';
import { migrateEntry } from './entry-file.js';
import { factsOf, type Facts } from './facts.js';
import { migrateGolevelup } from './golevelup.js';
import { migrateHandlers } from './handlers.js';
import { quoted } from './syntax.js';
import { nameUnread, nameUnreadOptions } from './unread.js';

/** Options of `nest g -c nest-transport migrate`. */
export interface MigrateOptions {
  /** The default group of subscriptions. Default: the group that the application has now, else the name of the project. */
  readonly service?: string;
  /** Default `src`. */
  readonly sourceRoot?: string;
  /** Leaves it to the user to install what package.json asks for. Default false. */
  readonly skipInstall?: boolean;
}

/**
 * Moves an application from Nest's own Kafka, NATS or RabbitMQ transport, or from golevelup, to ours: registers `TransportModule` with the
 * options that the old transport has, connects `main.ts`, and changes handlers and clients. With `--dry-run` it only says what it would do.
 * What it cannot carry over it leaves as it is, and names with file and line.
 *
 * @throws TransportError `TRANSPORT_PROJECT_UNEXPECTED` where there is nothing to migrate, or more than one broker; nothing is changed then.
 */
export const migrate =
  (options: MigrateOptions): Rule =>
  async (tree, context) => {
    projectOf(tree);
    const { sourceRoot = 'src' } = options;
    const drafts = sourcesBelow(tree, sourceRoot).map(({ path, text }) => new FileDraft(path, text));
    const facts = factsOf(drafts);
    drafts.forEach(nameUnread);
    nameUnreadOptions(drafts, facts);
    const found = drafts.flatMap(({ byHand }) => byHand);
    const registration = registrationIn(facts, sourceRoot, found);
    for (const draft of drafts) migrateFile(draft, facts, registration);
    for (const draft of drafts) if (draft.isChanged) await changeFile(tree, draft.path, () => draft.text);
    // A server of Nest was replaced in its own file; golevelup and client-only applications have none.
    if (facts.servers.length === 0) {
      await changeFile(tree, mainOf(tree, sourceRoot), (text) => connectMain(text, `${sourceRoot}/main.ts`));
    }
    if (!hasTransport(tree, sourceRoot)) await register(tree, registration, options);
    addPackages(tree, context, [registration.broker], options.skipInstall === true);
    report(context, [...drafts.flatMap(({ byHand }) => byHand), ...registration.byHand, ...afterwards(facts)]);
  };

/** @param found what could not be read, for the error when there is nothing else */
function registrationIn(facts: Facts, sourceRoot: string, found: readonly string[]): Registration {
  const uses = [...facts.servers, ...facts.clients];
  const [golevelup] = facts.golevelup;
  const brokers = new Set([...uses.map(({ broker }) => broker), ...(golevelup === undefined ? [] : ['rabbitmq'])]);
  if (brokers.size > 1) {
    throw unexpected(
      `${sourceRoot} uses ${[...brokers].join(' and ')}; nothing was written. Migrate by hand, with each in the brokers of TransportModule: see the migration guide.`,
    );
  }
  if (golevelup !== undefined) return golevelupRegistration(golevelup, facts);
  if (uses[0] !== undefined) return registrationOf(uses[0], facts);
  throw unexpected(
    `${sourceRoot} uses no transport that can be migrated (Transport.KAFKA, Transport.NATS, Transport.RMQ or golevelup's RabbitMQModule, written as a literal); nothing was written.${found.map((line) => ` ${line}`).join('')}`,
  );
}

function migrateFile(draft: FileDraft, facts: Facts, { broker }: Registration): void {
  const staysConnected = broker === 'rabbitmq' && facts.servers.length > 0 && facts.patterns.size > 1;
  migrateEntry(draft, staysConnected);
  migrateClients(draft, facts);
  migrateGolevelup(draft, facts);
  if (!staysConnected) migrateHandlers(draft);
}

async function register(tree: Tree, registration: Registration, options: MigrateOptions): Promise<void> {
  const { sourceRoot = 'src' } = options;
  const module = nearestModule(tree, sourceRoot, sourceRoot);
  if (module === undefined)
    throw unexpected(`${sourceRoot} has no module, such as app.module.ts; nothing was written.`);
  const { broker, expression, readsPackets } = registration;
  const service = options.service
    ? quoted(options.service)
    : (registration.service ?? quoted(serviceName(tree, options)));
  const codec = readsPackets ? ', codec: nestPackets()' : '';
  await changeFile(tree, module, (text) =>
    addToModule(text, {
      list: 'imports',
      element: `TransportModule.forRoot({ service: ${service}, broker: ${expression}${codec} })`,
      needs: [
        { name: 'TransportModule', from: 'nest-transport' },
        { name: broker, from: `nest-transport/${broker}` },
        ...(readsPackets ? [{ name: 'nestPackets', from: 'nest-transport/codecs' }] : []),
      ],
    }),
  );
}

/** What no program can decide. */
function afterwards({ golevelup, servers, patterns }: Facts): string[] {
  const notes =
    golevelup.length === 0
      ? []
      : ['package.json: take @golevelup/nestjs-rabbitmq out when nothing imports it any more.'];
  const isShared = servers.some(({ broker }) => broker === 'rabbitmq') && patterns.size > 1;
  if (isShared) {
    notes.push(
      'A queue with several patterns cannot be taken over: Nest\'s transport stays connected until it is empty. See "Side by side" in the migration guide.',
    );
  }
  return notes;
}

function report({ logger }: SchematicContext, byHand: readonly string[]): void {
  if (byHand.length === 0)
    return logger.info('Everything was migrated. Stop the old instances before you start the new ones.');
  logger.warn('To be done by hand:');
  for (const line of byHand) logger.warn(`  ${line}`);
}
