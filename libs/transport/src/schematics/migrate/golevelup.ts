import ts from 'typescript';
import type { FileDraft } from './draft.js';
import { isGolevelupModule, isOfOther, type Facts } from './facts.js';
import { decoratorCall, literalText, nodesOf, propertyOf, quoted } from './syntax.js';

const SUCCESSORS: Readonly<Record<string, 'Subscribe' | 'Respond'>> = {
  RabbitSubscribe: 'Subscribe',
  RabbitRPC: 'Respond',
};

/** `@RabbitSubscribe` becomes `@Subscribe`, `@RabbitRPC` becomes `@Respond`, `AmqpConnection.publish` becomes `Publisher.publish`. */
export function migrateGolevelup(draft: FileDraft, { golevelup, exchange }: Facts): void {
  if (golevelup.length === 0) return;
  for (const call of nodesOf(draft.source, ts.isCallExpression).filter(isGolevelupModule)) {
    if (ts.isArrayLiteralExpression(call.parent)) draft.removeElement(call);
  }
  removeReexports(draft);
  for (const method of nodesOf(draft.source, ts.isMethodDeclaration)) migrateHandler(draft, method, exchange);
  for (const injected of nodesOf(draft.source, ts.isParameter)) migrateConnection(draft, injected, exchange);
  for (const { expression, parent } of nodesOf(draft.source, ts.isNewExpression)) {
    if (expression.getText() === 'Nack')
      draft.leave(parent, "instead of new Nack(): throw new DeadLetter('why'), or an error to have it tried again.");
  }
}

/** A module that exported golevelup's: ours is global. */
function removeReexports(draft: FileDraft): void {
  for (const list of nodesOf(draft.source, ts.isArrayLiteralExpression)) {
    const exported = list.elements.find((element) => element.getText() === 'RabbitMQModule');
    if (exported !== undefined) draft.removeElement(exported);
  }
}

function migrateHandler(draft: FileDraft, method: ts.MethodDeclaration, exchange: string | undefined): void {
  const call = decoratorCall(method, 'RabbitSubscribe', 'RabbitRPC');
  if (call === undefined) return;
  const successor = SUCCESSORS[call.expression.getText()] as 'Subscribe' | 'Respond';
  const key = literalText(propertyOf(call.arguments[0], 'routingKey'));
  if (isOfOther(propertyOf(call.arguments[0], 'exchange'), exchange)) {
    return draft.leave(
      call,
      `its exchange is not that of the application: give it a broker of its own, @${successor}(topic, { broker }).`,
    );
  }
  if (key === undefined)
    return draft.leave(call, `its routing key is no literal: write @${successor}(topic) for each.`);
  draft.need(successor);
  draft.replace(call, `${successor}(${quoted(key.replace(/#$/, '>'))})`);
  const [payload, ...others] = method.parameters;
  if (payload !== undefined && !hasDecorators(payload)) {
    draft.need('Payload', '@nestjs/microservices');
    draft.insertBefore(payload, '@Payload() ');
  }
  for (const other of others.filter((parameter) => !hasDecorators(parameter))) {
    draft.leave(
      other,
      `write @Ctx() context: MessageContext instead of ${other.getText()}; the message of amqplib is at context.raw.`,
    );
  }
}

const hasDecorators = (node: ts.ParameterDeclaration): boolean => (ts.getDecorators(node) ?? []).length > 0;

function migrateConnection(draft: FileDraft, injected: ts.ParameterDeclaration, exchange: string | undefined): void {
  if (injected.type?.getText() !== 'AmqpConnection') return;
  draft.need('Publisher');
  draft.replace(injected.type, 'Publisher');
  const name = injected.name.getText();
  for (const call of nodesOf(draft.source, ts.isCallExpression)) {
    const { expression } = call;
    if (!ts.isPropertyAccessExpression(expression)) continue;
    if (![`this.${name}`, name].includes(expression.expression.getText())) continue;
    if (expression.name.text === 'publish') migratePublish(draft, call, exchange);
    else draft.leave(call, `${expression.name.text} of AmqpConnection: see publisher.publish and publisher.request.`);
  }
}

/** `publish(exchange, routingKey, message)` becomes `publish(topic, message)`. */
function migratePublish(draft: FileDraft, call: ts.CallExpression, own: string | undefined): void {
  const [exchange, key, message, options] = call.arguments;
  if (isOfOther(exchange, own))
    return draft.leave(
      call,
      'its exchange is not that of the application: publish with the publisher of a broker of its own.',
    );
  if (exchange === undefined || key === undefined || message === undefined) return;
  if (options !== undefined)
    draft.leave(call, `options of publish were ${options.getText()}: see PublishOptions (id, key, headers).`);
  draft.replace(call, `${call.expression.getText()}(${key.getText()}, ${message.getText()})`);
}
