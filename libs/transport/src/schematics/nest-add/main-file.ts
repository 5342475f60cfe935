import ts from 'typescript';
import { addImports } from '../module-file.js';
import { unexpected } from '../refusal.js';
import { calls, parsed } from '../source-files.js';

/** Either of them connects an application to the transport. */
const CONNECTING = ['createTransportApp', 'connectTransport'];

/**
 * Has `main.ts` create the application by `createTransportApp`, which takes what `NestFactory.create` takes with a module and options.
 * A file that calls it, or `connectTransport`, stays as it is.
 *
 * @throws TransportError `TRANSPORT_PROJECT_UNEXPECTED` where the application is created in another way: the message says what to write.
 */
export function connectMain(text: string, path: string): string {
  if (calls(text, CONNECTING)) return text;
  const callee = createCall(parsed(text))?.expression;
  if (callee === undefined) {
    throw unexpected(
      `${path} does not call NestFactory.create(AppModule) or NestFactory.create(AppModule, { ... }); nothing was written. ` +
        "Add connectTransport(app), imported from 'nest-transport', behind the line that creates the application, and run this again.",
    );
  }
  const changed = `${text.slice(0, callee.getStart())}createTransportApp${text.slice(callee.end)}`;
  return withoutFactory(addImports(changed, [{ name: 'createTransportApp', from: 'nest-transport' }]));
}

/** The call whose arguments createTransportApp takes as well. An HTTP adapter as second argument it does not. */
export function createCall(node: ts.Node): ts.CallExpression | undefined {
  if (ts.isCallExpression(node) && node.expression.getText() === 'NestFactory.create') {
    const [, second] = node.arguments;
    const fits = second === undefined || ts.isObjectLiteralExpression(second);
    return fits && node.typeArguments === undefined ? node : undefined;
  }
  return ts.forEachChild(node, createCall);
}

/** An import of NestFactory alone that nothing uses any more is taken out. */
function withoutFactory(text: string): string {
  const rest = text.replace(/^import \{ NestFactory \} from ['"]@nestjs\/core['"];?\r?\n/m, '');
  return /\bNestFactory\b/.test(rest) ? text : rest;
}
