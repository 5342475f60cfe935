import { Option } from 'commander';
import { GUARANTEE_LEVELS, isAtLeast, type GuaranteeLevel } from '../../contract/index.js';
import type { SubscriptionDescription, TransportDescription } from '../../nest/index.js';
import { loadApp } from '../app-module.js';
import { descriptionText } from '../description-text.js';
import type { CliCommand } from '../program.js';

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
export const describe: CliCommand = (program, terminal, ends) => {
  program
    .command('describe')
    .description(
      'Tells the subscriptions of an application and what is guaranteed of each. The application is made, not started: no hook is called and no message is taken.',
    )
    .option('-a, --app <file>', 'compiled file of the root module (default: dist/app.module.js)')
    .option('-m, --module <name>', 'export that is the root module (default: AppModule)')
    .option('--json', 'everything, as JSON')
    .option('--offline', 'asks no broker: what hangs on its settings is unknown')
    .addOption(new Option('--fail-below <level>', 'exit with 1 when a subscription promises less').choices([...LEVELS]))
    .action(async (given: Given) => {
      const { module, transport } = await loadApp(process.cwd(), given.app, given.module);
      const description = await transport.describeTransport(module, { offline: given.offline === true, logger: false });
      terminal.write(given.json ? `${JSON.stringify(description, undefined, 2)}\n` : descriptionText(description));
      const complaints = complaintsAbout(description, given.failBelow);
      for (const complaint of complaints) terminal.tell(`nest-transport describe: ${complaint}\n`);
      ends(complaints.length === 0 ? 0 : 1);
    });
};

/** What makes the exit code 1: one sentence each. */
export function complaintsAbout(
  { brokers, subscriptions }: TransportDescription,
  failBelow: GuaranteeLevel | undefined,
): readonly string[] {
  const unasked = brokers.flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`broker "${name}": ${problem}. With --offline it is not asked.`],
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
