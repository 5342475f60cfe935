import { posix } from 'node:path';
import type { Tree } from '@angular-devkit/schematics';
import ts from 'typescript';
import { changeFile } from '../files.js';
import { addImports } from '../module-file.js';
import { calls, parsed } from '../source-files.js';

/** Has end-to-end specs in this folder connect the application that they create: without that it refuses to start. */
export async function connectTests(tree: Tree, folder: string): Promise<void> {
  const specs = tree.getDir(folder).subfiles.filter((file) => file.endsWith('.e2e-spec.ts'));
  for (const spec of specs) await changeFile(tree, posix.join(folder, spec), connectTest);
}

function connectTest(text: string): string {
  const call = createCall(parsed(text));
  if (call === undefined || calls(text, ['connectTransport'])) return text;
  const [start, end] = [call.getStart(), call.end];
  const connected = `connectTransport(${text.slice(start, end)})`;
  const changed = text.slice(0, start) + connected + text.slice(end);
  return addImports(changed, [{ name: 'connectTransport', from: 'nest-transport' }]);
}

const createCall = (node: ts.Node): ts.CallExpression | undefined =>
  ts.isCallExpression(node) && /\.createNestApplication$/.test(node.expression.getText())
    ? node
    : ts.forEachChild(node, createCall);
