import ts from 'typescript';

/** All nodes of a kind, in the order of the text. */
export function nodesOf<Node extends ts.Node>(root: ts.Node, is: (node: ts.Node) => node is Node): Node[] {
  const found: Node[] = [];
  const visit = (node: ts.Node): void => {
    if (is(node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(root);
  return found;
}

/** A call that decorates a class, member or parameter, by its name: `@EventPattern('order.created')`. */
export function decoratorCall(node: ts.Node, ...names: readonly string[]): ts.CallExpression | undefined {
  const decorators = ts.canHaveDecorators(node) ? (ts.getDecorators(node) ?? []) : [];
  return decorators
    .map(({ expression }) => expression)
    .filter(ts.isCallExpression)
    .find(({ expression }) => names.includes(expression.getText()));
}

/** The value of a property of an object literal; undefined where it is missing, or the object is no literal. */
export function propertyOf(object: ts.Node | undefined, name: string): ts.Expression | undefined {
  if (object === undefined || !ts.isObjectLiteralExpression(object)) return undefined;
  const property = object.properties.find((found) => found.name?.getText().replace(/['"]/g, '') === name);
  if (property === undefined) return undefined;
  if (ts.isPropertyAssignment(property)) return property.initializer;
  return ts.isShorthandPropertyAssignment(property) ? property.name : undefined;
}

/** The text that a literal stands for; undefined where the value is known only when the program runs. */
export const literalText = (node: ts.Node | undefined): string | undefined =>
  node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;

/** What every file of a Node program can name. */
const EVERYWHERE: ReadonlySet<string> = new Set(['process', 'Number', 'String', 'Boolean', 'parseInt', 'undefined']);

/** Whether an expression means the same in any file: it names nothing that is declared or imported where it stands. */
export function isClosed(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return isClosed(node.expression);
  if (ts.isPropertyAssignment(node)) return isClosed(node.initializer);
  if (ts.isIdentifier(node)) return EVERYWHERE.has(node.text);
  if (ts.isShorthandPropertyAssignment(node) || ts.isFunctionLike(node) || node.kind === ts.SyntaxKind.ThisKeyword) {
    return false;
  }
  return ts.forEachChild(node, (child) => (isClosed(child) ? undefined : true)) !== true;
}

/** The class that a node stands in. */
export function classAround(node: ts.Node): ts.ClassDeclaration | undefined {
  if (ts.isClassDeclaration(node)) return node;
  return node.parent === undefined ? undefined : classAround(node.parent);
}

/** A text as TypeScript writes it. */
export const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;
