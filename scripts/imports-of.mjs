import { parseAst } from 'vitest/node';

/**
 * What a TypeScript file imports, in whatever way, and which names of the platform it uses.
 * @typedef {{ specifier: string | undefined, typeOnly: boolean, line: number }} Import `specifier` is absent when it is computed
 * @param {string} text
 * @param {string} path says, by its ending, which language it is
 * @returns {{ imports: Import[], globals: { name: string, line: number }[] }}
 */
export function importsOf(text, path) {
  const program = parseAst(text, { lang: /\.[cm]?ts$/.test(path) ? 'ts' : 'js' }, path);
  const lineOf = lineCounter(text);
  const imports = [];
  const used = [];
  const declared = new Set();

  const add = (node, source, typeOnly) => {
    imports.push({ specifier: textOf(source), typeOnly, line: lineOf(node.start) });
  };
  walk(program, undefined, (node, parent, key) => {
    switch (node.type) {
      case 'ImportDeclaration':
        return add(node, node.source, node.importKind === 'type');
      case 'ExportAllDeclaration':
      case 'ExportNamedDeclaration':
        if (node.source) add(node, node.source, node.exportKind === 'type');
        return;
      case 'ImportExpression':
        return add(node, node.source, false);
      case 'TSImportType':
        return add(node, node.source ?? node.argument?.literal ?? node.argument, true);
      case 'TSExternalModuleReference':
        return add(node, node.expression, parent.importKind === 'type');
      case 'CallExpression':
        if (
          isName(node.callee, 'require') ||
          isMember(node.callee, 'require', 'resolve') ||
          isImportMetaResolve(node.callee)
        )
          add(node, node.arguments[0], false);
        return;
      case 'MemberExpression':
        if (isName(node.object, 'globalThis')) used.push({ name: propertyOf(node), line: lineOf(node.start) });
        return;
      case 'ObjectPattern':
        for (const { value } of node.properties) if (value?.type === 'Identifier') declared.add(value.name);
        return;
      case 'Identifier':
        if (isDeclaration(parent, key)) declared.add(node.name);
        else if (isReference(parent, key)) used.push({ name: node.name, line: lineOf(node.start) });
    }
  });
  return { imports, globals: used.filter(({ name }) => !declared.has(name)) };
}

/** Calls `visit` for every node, with the node around it and the name of the place that it has there. */
function walk(node, parent, visit, key = '') {
  if (typeof node.type === 'string') visit(node, parent, key);
  for (const name in node) {
    const child = node[name];
    if (Array.isArray(child)) for (const item of child) if (isNode(item)) walk(item, node, visit, name);
    if (isNode(child)) walk(child, node, visit, name);
  }
}

const isNode = (value) => typeof value === 'object' && value !== null && typeof value.type === 'string';
const isName = (node, name) => node.type === 'Identifier' && node.name === name;
const propertyOf = ({ computed, property }) => (computed ? textOf(property) : property.name);
const isMember = (node, object, property) =>
  node.type === 'MemberExpression' && isName(node.object, object) && propertyOf(node) === property;
const isImportMetaResolve = (node) =>
  node.type === 'MemberExpression' && node.object.type === 'MetaProperty' && propertyOf(node) === 'resolve';

/** The value of a literal; `undefined` for anything that is only known at run time. */
function textOf(node) {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node?.type === 'TemplateLiteral' && node.expressions.length === 0) return node.quasis[0].value.cooked;
  return undefined;
}

const declaringKeys = new Set(['id', 'params', 'parameters', 'parameter', 'param', 'local']);

/** Scopes are not told apart: a file that declares a name somewhere is taken to mean its own everywhere. */
function isDeclaration(parent, key) {
  if (parent.type === 'ArrayPattern' || parent.type === 'RestElement') return true;
  if (parent.type === 'AssignmentPattern') return key === 'left';
  return declaringKeys.has(key) && parent.type !== 'ExportSpecifier';
}

/** Not a name that only labels something: a property, a key, a member of a type. */
function isReference(parent, key) {
  if (parent.type === 'MemberExpression') return key === 'object' || parent.computed;
  if (parent.type === 'TSQualifiedName') return key === 'left';
  if (key === 'key' || key === 'label' || key === 'imported' || key === 'exported') return parent.computed === true;
  return true;
}

/** Line numbers of positions. The parser counts positions in UTF-16, like JavaScript. */
function lineCounter(text) {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (position) => starts.findLastIndex((start) => start <= position) + 1;
}
