import { entryPoints, exportsOf, publicProgram } from './sources.js';
import ts from 'typescript';

/** What examples use of other packages without saying so. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@nestjs/common': [
    'Body',
    'Controller',
    'Get',
    'Injectable',
    'Module',
    'Param',
    'Post',
    'UseGuards',
    'ValidationPipe',
  ],
  '@nestjs/core': ['APP_FILTER', 'NestFactory'],
  '@nestjs/microservices': ['ClientProxy', 'Ctx', 'EventPattern', 'MessagePattern', 'Payload', 'Transport'],
  '@nestjs/testing': ['Test'],
  'node:fs': ['readFileSync'],
};

/** The shop of all examples, and the reader's own things. */
const SHOP = `
  const orderCreatedSchema: import('nest-transport').StandardSchema<OrderCreatedData>;
  interface OrderCreatedData { readonly orderId: string; readonly quantity: number }
  const OrderCreated: import('nest-transport').EventDefinition<OrderCreatedData>;
  const StockReserved: import('nest-transport').EventDefinition<{ readonly orderId: string }>;
  const order: OrderCreatedData;
  const orders: readonly OrderCreatedData[];
  const publisher: import('nest-transport').Publisher;
  const app: import('@nestjs/common').INestApplication;
  class AppModule {}
  class InventoryController {}
  class Stock { isReserved(orderId: string): Promise<boolean>; reserve(order: OrderCreatedData): Promise<void> }
  class Bank { charge(order: OrderCreatedData): Promise<void> }
  interface Price { readonly sku: string; readonly cents: number }
  const PriceChanged: import('nest-transport').EventDefinition<Price>;
  class PriceStore { save(price: Price): Promise<void> }
  interface StockRequest { readonly sku: string }
  interface StockAnswer { readonly left: number }
  const stockRequestSchema: import('nest-transport').StandardSchema<StockRequest>;
  const stockAnswerSchema: import('nest-transport').StandardSchema<StockAnswer>;
  const StockAsked: import('nest-transport').EventDefinition<StockRequest, StockRequest, StockAnswer>;
  const broker: import('nest-transport').BrokerHandle;
  const fault: { readonly began: Date; readonly ended: Date };
  class ConfigModule {}
  class ConfigService { getOrThrow(name: string): string }
  const config: { readonly kafkaPassword: string; readonly nsqSecret: string; readonly natsPassword: string; readonly rabbitmqPassword: string };
  function alert(topic: string, id: string, error: unknown): void;
  function shrink(order: OrderCreatedData): OrderCreatedData;
  function wait(ms: number): Promise<void>;
  function mine(options: { readonly url: string }): import('nest-transport').Broker;
  const url: string;
  const other: string;
  const server: { killAndStart(): Promise<void>; connectionsOfTheSuite(): Promise<string[]> };
  function createBroker(): import('nest-transport').Broker;
`;

/** Declarations of everything an example may use without an import: what the entry points export, and the above. */
export const AMBIENT = `export {};\ndeclare global {\n${[...ourNames(), ...theirNames(), SHOP].join('\n')}\n}\n`;

function ourNames(): string[] {
  const seen = new Set<string>();
  return [...entryPoints()].flatMap(([entryPoint, path]) =>
    exportsOf(publicProgram(), path).flatMap(({ name, symbol }) => {
      // n.b. Headers is a global of Node: an example that means ours has to import it.
      if (seen.has(name) || name === 'Headers') return [];
      seen.add(name);
      return declarations(`nest-transport${entryPoint.slice(1)}`, name, symbol);
    }),
  );
}

function theirNames(): string[] {
  return Object.entries(PACKAGES).flatMap(([from, names]) =>
    names.map((name) => `  const ${name}: typeof import('${from}').${name};`),
  );
}

function declarations(from: string, name: string, symbol: ts.Symbol): string[] {
  const isValue = (symbol.flags & ts.SymbolFlags.Value) !== 0;
  const isType = (symbol.flags & ts.SymbolFlags.Type) !== 0 && !hasParameters(symbol);
  return [
    ...(isValue ? [`  const ${name}: typeof import('${from}').${name};`] : []),
    ...(isType ? [`  type ${name} = import('${from}').${name};`] : []),
  ];
}

/** A type with parameters that all have defaults can be named without them. */
function hasParameters(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some(
    (node) =>
      'typeParameters' in node &&
      ((node.typeParameters ?? []) as ts.TypeParameterDeclaration[]).some((each) => each.default === undefined),
  );
}
