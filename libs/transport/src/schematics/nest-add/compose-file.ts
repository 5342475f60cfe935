import type { SchematicContext, Tree } from '@angular-devkit/schematics';
import { BROKERS, type BrokerChoice, type ComposeService } from './brokers.js';

/** The names under which compose looks for its file, in its order. */
const COMPOSE_FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

/** Adds the broker to the project's compose file, which is made where there is none. A broker that is there stays as it is. */
export function addCompose(tree: Tree, broker: BrokerChoice, { logger }: Pick<SchematicContext, 'logger'>): void {
  const { compose } = BROKERS[broker];
  if (compose === undefined) return;
  const file = COMPOSE_FILES.find((path) => tree.exists(path));
  if (file === undefined) return tree.create('compose.yaml', `services:\n${serviceText(broker, compose)}`);
  const before = tree.readText(file);
  const after = withService(before, broker, compose);
  if (after === undefined) logger.warn(`${file} has no services that begin with two spaces: add ${broker} by hand.`);
  else if (after !== before) tree.overwrite(file, after);
}

function withService(text: string, broker: BrokerChoice, compose: ComposeService): string | undefined {
  const [image = ''] = compose.image.split(':');
  if (new RegExp(`^ +${broker}:|^ +image: ['"]?${image}:`, 'm').test(text)) return text;
  const services = /^services:[ \t]*\r?\n(?= {2}\S)/m.exec(text);
  if (services === null) return undefined;
  const at = services.index + services[0].length;
  return `${text.slice(0, at)}${serviceText(broker, compose)}\n${text.slice(at)}`;
}

const serviceText = (
  name: string,
  { image, command, port, health, everySeconds }: ComposeService,
): string => `  ${name}:
    image: ${image}
${command === undefined ? '' : `    command: ${command}\n`}    ports:
      - '127.0.0.1:${port}:${port}'
    healthcheck:
      test: ${health}
      interval: ${everySeconds}s
      timeout: 10s
      retries: 20
`;
