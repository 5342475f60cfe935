import type { Names } from '../names.js';
import type { BrokerChoice } from '../nest-add/brokers.js';
import { registration } from '../nest-add/index.js';
import { runnerImport, type Project } from '../project.js';

/** The module of a service; with a broker it is the root of an application. */
export const moduleFile = (
  { symbol, file }: Names,
  { suffix }: Project,
  broker?: BrokerChoice,
): string => `import { Module } from '@nestjs/common';
${broker === undefined ? '' : `import { TransportModule } from 'nest-transport';\nimport { ${broker} } from 'nest-transport/${broker}';\n`}import { ${symbol}HealthController } from './${file}-health.controller${suffix}';
import { ${symbol}Controller } from './${file}.controller${suffix}';

@Module({
  ${broker === undefined ? '' : `imports: [${registration(broker, file)}],\n  `}controllers: [${symbol}Controller, ${symbol}HealthController],
})
export class ${symbol}Module {}
`;

export const mainFile = (
  { symbol, file }: Names,
  { suffix }: Project,
): string => `import { createTransportApp } from 'nest-transport';
import { ${symbol}Module } from './${file}.module${suffix}';

async function bootstrap() {
  const app = await createTransportApp(${symbol}Module);
  await app.listen(process.env.PORT ?? 3000);
}
void bootstrap();
`;

export const controllerFile = (names: Names, project: Project): string =>
  project.hasZod ? checkingController(names, project) : plainController(names, project);

const plainController = (
  { symbol, file, variable }: Names,
  { suffix }: Project,
): string => `import { BadRequestException, Body, Controller, HttpCode, Post } from '@nestjs/common';
import type { ${symbol}RequestedData } from './${file}-requested.event${suffix}';
import { ${symbol}RequestedPublisher } from './${file}-requested.publisher${suffix}';

@Controller('${file}')
export class ${symbol}Controller {
  constructor(private readonly ${variable}Requested: ${symbol}RequestedPublisher) {}

  /** Answers 202 when the broker has stored it: what is left to be done, the subscriber does. */
  @Post()
  @HttpCode(202)
  async request(@Body() body: unknown): Promise<void> {
    if (!is${symbol}RequestedData(body)) throw new BadRequestException('id must be a text that is not empty');
    await this.${variable}Requested.publish(body);
  }
}

/** What a client sends may be anything: check every field of the payload here, or give the event a schema. */
function is${symbol}RequestedData(body: unknown): body is ${symbol}RequestedData {
  const { id } = Object(body) as Partial<${symbol}RequestedData>;
  return typeof id === 'string' && id !== '';
}
`;

const checkingController = (
  { symbol, file, variable }: Names,
  { suffix }: Project,
): string => `import { BadRequestException, Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ${variable}RequestedSchema } from './${file}-requested.event${suffix}';
import { ${symbol}RequestedPublisher } from './${file}-requested.publisher${suffix}';

@Controller('${file}')
export class ${symbol}Controller {
  constructor(private readonly ${variable}Requested: ${symbol}RequestedPublisher) {}

  /** Answers 202 when the broker has stored it: what is left to be done, the subscriber does. */
  @Post()
  @HttpCode(202)
  async request(@Body() body: unknown): Promise<void> {
    const { data, error } = ${variable}RequestedSchema.safeParse(body);
    if (error) throw new BadRequestException(error.issues);
    await this.${variable}Requested.publish(data);
  }
}
`;

export const healthFile = ({
  symbol,
  file,
}: Names): string => `import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { TransportHealth, type TransportReport } from 'nest-transport';

@Controller('${file}/health')
export class ${symbol}HealthController {
  constructor(private readonly health: TransportHealth) {}

  /** For a readiness probe: 503 until it is connected and subscribed, and from the first moment of a drain. */
  @Get()
  report(): TransportReport {
    const report = this.health.report();
    if (!report.ready) throw new ServiceUnavailableException(report);
    return report;
  }
}
`;

/** Over HTTP and through the broker, which is memory; everything else is the application as it is. */
export const e2eSpec = (
  { symbol, file }: Names,
  project: Project,
  module: string,
  from: { readonly module: string; readonly event: string },
): string => `import { Test } from '@nestjs/testing';
import { TestTransport } from 'nest-transport/testing';
${runnerImport(project, 'afterEach, beforeEach, describe, expect, it')}import { ${symbol}Requested } from '${from.event}';
import { ${module} } from '${from.module}';

describe('${file} (e2e)', () => {
  let transport: TestTransport;
  let url: string;

  beforeEach(async () => {
    transport = await TestTransport.start(Test.createTestingModule({ imports: [${module}] }));
    await transport.app.listen(0);
    url = \`\${await transport.app.getUrl()}/${file}\`;
  });
  afterEach(() => transport.close());

  it('publishes what is requested over HTTP, and handles it', async () => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ id: '1' }) });
    expect(response.status).toBe(202);
    const story = await transport.settle();
    story.assertPublished(${symbol}Requested, { id: '1' });
    story.assertAcked(${symbol}Requested);
  });

  it('answers 400 to a body that is no payload, and publishes nothing', async () => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: '{}' });
    expect(response.status).toBe(400);
    const story = await transport.settle();
    expect(story.published(${symbol}Requested)).toEqual([]);
  });

  it('is ready', async () => {
    const response = await fetch(\`\${url}/health\`);
    expect(response.status).toBe(200);
  });
});
`;
