import {
  Module,
  type INestApplication,
  type INestMicroservice,
  type LoggerService,
  type ModuleMetadata,
} from '@nestjs/common';
import {
  createTransportApp,
  Notices,
  Publisher,
  TransportModule,
  type NoticeMap,
  type NoticeName,
  type TransportModuleOptions,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';

/** HTTP beside messages, or messages only. */
export type Kind = 'hybrid' | 'pure';
export const KINDS: readonly Kind[] = ['hybrid', 'pure'];
export type App = INestApplication | INestMicroservice;

/** What a test may say beside the parts of its module. */
export interface BootOptions {
  readonly kind?: Kind;
  readonly transport?: Partial<TransportModuleOptions>;
  /** Runs before `listen`: where a user sets globals. */
  readonly prepare?: (app: App) => void;
}

const open: App[] = [];

/** Closes what the test opened, whatever became of the test. */
export async function closeAll(): Promise<void> {
  for (const app of open.splice(0).reverse()) await app.close();
}

export const FAST = { retry: { maxAttempts: 3, initialDelayMs: 0, maxDelayMs: 0 } } as const;

/** A root module around the parts of a test. */
export function rootModule(parts: ModuleMetadata, transport: Partial<TransportModuleOptions> = {}): new () => object {
  const options = { service: 'test', broker: memory(), subscriptions: FAST, logger: false, ...transport };
  class AppModule {}
  Module({
    ...parts,
    imports: [TransportModule.forRoot(options as TransportModuleOptions), ...(parts.imports ?? [])],
  })(AppModule);
  return AppModule;
}

/** Creates an application as a user does, without its listening to signals. */
export async function create(kind: Kind, AppModule: new () => object): Promise<App> {
  const options = { exitOnSignal: false, logger: false, abortOnError: false } as const;
  return kind === 'hybrid'
    ? createTransportApp(AppModule, options)
    : createTransportApp(AppModule, { ...options, http: false });
}

/** Starts an application up to the point where messages come; n.b. `init` stands for `listen` where no port is needed. */
export async function start(app: App): Promise<App> {
  open.push(app);
  if ('connectMicroservice' in app) await app.init();
  else await app.listen();
  return app;
}

/** A running application with this test's controllers. */
export async function boot(parts: ModuleMetadata, { kind = 'hybrid', transport, prepare }: BootOptions = {}) {
  const app = await create(kind, rootModule(parts, transport));
  prepare?.(app);
  await start(app);
  return { app, publisher: app.get(Publisher), notices: app.get(Notices) };
}

/** The next notice of a name. */
export function next<Name extends NoticeName>(notices: Notices, name: Name): Promise<NoticeMap[Name]> {
  return new Promise((resolve) => {
    const stop = notices.on(name, (notice) => {
      stop();
      resolve(notice);
    });
  });
}

/** How the next message ends, and how often it was retried before. */
export async function outcome(notices: Notices): Promise<{
  readonly how: 'acked' | 'dead-lettered' | 'dropped';
  readonly error?: unknown;
  readonly retries: number;
}> {
  let retries = 0;
  const stop = notices.on('message:retry-scheduled', () => retries++);
  const ended = await Promise.race([
    next(notices, 'message:acked').then(() => ({ how: 'acked' as const })),
    next(notices, 'message:dropped').then(() => ({ how: 'dropped' as const })),
    next(notices, 'message:dead-lettered').then(({ error }) => ({ how: 'dead-lettered' as const, error })),
  ]);
  stop();
  return { ...ended, retries };
}

/** A promise with its resolve. */
export function signal<T = void>(): { readonly came: Promise<T>; readonly give: (value: T) => void } {
  let give: (value: T) => void = () => undefined;
  const came = new Promise<T>((resolve) => (give = resolve));
  return { came, give };
}

/** A logger that remembers its lines. */
export function remembering(): LoggerService & { readonly lines: string[] } {
  const lines: string[] = [];
  const take = (level: string) => (line: unknown) => void lines.push(`${level} ${String(line)}`);
  return { lines, log: take('log'), warn: take('warn'), error: take('error'), debug: take('debug') };
}

/** The error with which something is refused. */
export async function refusal(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => {
      throw new Error('It was not refused.');
    },
    (error: unknown) => error as Error,
  );
}
