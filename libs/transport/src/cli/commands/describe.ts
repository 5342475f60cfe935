import { GUARANTEE_LEVELS, isAtLeast, type GuaranteeLevel } from '../../contract/index.js';
import type { SubscriptionDescription, TransportDescription } from '../../nest/index.js';
import { APP_OPTIONS, loadApp } from '../app-module.js';
import { UsageError } from '../command-line.js';
import { descriptionText } from '../description-text.js';
import type { CliCommand } from '../command.js';

interface Given {
  readonly app?: string;
  readonly module?: string;
  readonly json?: true;
  readonly offline?: true;
  readonly failBelow?: GuaranteeLevel;
}

/** Below the last one is nothing. */
const LEVELS = GUARANTEE_LEVELS.slice(0, -1);

/** `npx nest-transport describe`: what an application is, and what is guaranteed. */
export const describe: CliCommand<Given> = {
  name: 'describe',
  about:
    'Shows the subscriptions of an application and the guarantee of each. The application is created but not started: no lifecycle hook is called and no message is received.',
  options: {
    ...APP_OPTIONS,
    json: { about: 'everything, as JSON' },
    offline: { about: 'queries no broker: what depends on its settings is unknown' },
    'fail-below': {
      value: '<level>',
      about: `exit with 1 when a subscription guarantees less: ${LEVELS.join(', ')}`,
      parse: level,
    },
  },
  async run(given, terminal) {
    const { module, transport } = await loadApp(process.cwd(), given.app, given.module);
    const description = await transport.describeTransport(module, { offline: given.offline === true, logger: false });
    terminal.write(given.json ? `${JSON.stringify(description, undefined, 2)}\n` : descriptionText(description));
    const complaints = complaintsAbout(description, given.failBelow);
    for (const complaint of complaints) terminal.tell(`nest-transport describe: ${complaint}\n`);
    return complaints.length === 0 ? 0 : 1;
  },
};

function level(text: string): string {
  if (LEVELS.some((each) => each === text)) return text;
  throw new UsageError(`Allowed levels are ${LEVELS.join(', ')}.`);
}

/** What makes the exit code 1: one sentence each. */
export function complaintsAbout(
  { brokers, subscriptions }: TransportDescription,
  failBelow: GuaranteeLevel | undefined,
): readonly string[] {
  const unasked = brokers.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`broker "${name}": ${problem}. With --offline it is not queried.`],
  );
  const below = subscriptions.flatMap((each) => {
    const wanted = failBelow ?? each.wantedGuarantee;
    return wanted === null || isAtLeast(each.guarantee.level, wanted) ? [] : [shortfall(each, wanted)];
  });
  return [...unasked, ...below];
}

function shortfall({ topic, group, guarantee, where }: SubscriptionDescription, wanted: GuaranteeLevel): string {
  return `topic "${topic}" of group "${group}" is ${guarantee.level}, below ${wanted}: ${where}`;
}
