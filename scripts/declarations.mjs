// Removes from the built declarations everything that no public declaration refers to.
import { readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript-5.9';

const OPTIONS = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
  skipLibCheck: true,
};

/** A compiler program of declaration files, and functions that resolve a symbol through imports and exports. */
export function readDeclarations(entries) {
  const program = ts.createProgram(entries, OPTIONS);
  const checker = program.getTypeChecker();
  const origin = (symbol) =>
    symbol !== undefined && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const exportsOf = (file) =>
    checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)));
  return { program, checker, origin, exportsOf };
}

const isLink = (statement) => ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement);

/** The top-level statement that contains a declaration. */
function statementOf(declaration) {
  let node = declaration;
  while (node.parent !== undefined && !ts.isSourceFile(node.parent)) node = node.parent;
  return node;
}

/** The statements that the exports of the entries refer to, directly or indirectly. */
function neededStatements(entries, dist) {
  const { program, checker, origin, exportsOf } = readDeclarations(entries);
  const needed = new Set();
  const waiting = [];
  const need = (symbol) => {
    for (const declaration of origin(symbol)?.declarations ?? []) {
      const statement = statementOf(declaration);
      if (!statement.getSourceFile().fileName.startsWith(dist) || isLink(statement)) continue;
      if (needed.has(statement)) continue;
      needed.add(statement);
      waiting.push(statement);
    }
  };
  const visit = (node) => {
    if (ts.isIdentifier(node)) need(checker.getSymbolAtLocation(node));
    ts.forEachChild(node, visit);
  };
  for (const entry of entries) for (const symbol of exportsOf(entry)) need(symbol);
  while (waiting.length > 0) visit(waiting.pop());
  return { program, checker, origin, needed };
}

/** An import or export without the names that nothing needs; null if no name is left. */
function pruneLink(statement, { checker, origin, needed, used }) {
  const clause = ts.isImportDeclaration(statement)
    ? statement.importClause?.namedBindings
    : statement.exportClause;
  if (clause === undefined || !('elements' in clause)) return statement.getText();
  const kept = clause.elements.filter((element) => {
    if (ts.isImportDeclaration(statement) && !used.has(element.name.text)) return false;
    const declarations = origin(checker.getSymbolAtLocation(element.name))?.declarations ?? [];
    return declarations.some((one) => needed.has(statementOf(one)) || !isOwn(one, needed));
  });
  if (kept.length === 0) return null;
  const text = statement.getText();
  const names = kept.map((element) => element.getText()).join(', ');
  return text.replace(/\{[^}]*\}/, `{ ${names} }`);
}

const isOwn = (declaration, needed) => {
  const [first] = needed;
  const folder = first.getSourceFile().fileName.replace(/\/dist\/.*/, '/dist/');
  return declaration.getSourceFile().fileName.startsWith(folder);
};

function identifiersOf(statements) {
  const names = new Set();
  const visit = (node) => {
    if (ts.isIdentifier(node)) names.add(node.text);
    ts.forEachChild(node, visit);
  };
  for (const statement of statements) visit(statement);
  return names;
}

/** Joins the imports from the same module. */
function joinImports(text) {
  const pattern = /^import \{ (.*) \} from ('\..*');\n/gm;
  const names = new Map();
  for (const [, list, from] of text.matchAll(pattern)) names.set(from, [...(names.get(from) ?? []), list]);
  return text.replace(pattern, (_, _list, from) => {
    const lists = names.get(from);
    names.delete(from);
    return lists === undefined ? '' : `import { ${lists.join(', ')} } from ${from};\n`;
  });
}

/**
 * Shortens the tables of commands: one line for each command, no spaces between tokens, and `V` for `RedisValue`.
 * Editors still show spaces and the long name.
 */
function shortTable(text) {
  if (/\bV\b/.test(text)) throw new Error('a table of commands has a V of its own');
  return text
    .replace(/\{\n +args: (.*);\n +reply: (.*);\n +\};/g, '{ args: $1; reply: $2 };')
    .replace(/\bRedisValue\b/g, 'V')
    .replace(/^(import \{.*)\bV\b/m, '$1RedisValue as V')
    .replace(/^ +.*/gm, (line) => line.replace(/(?<=\S) (?=[}|&])|(?<=[:,;{|&]) (?=\S)/g, ''));
}

/** Puts the first paragraph of each comment on one line, for a smaller package. Editors show the same. */
function joinLines(text) {
  return text.replace(/\/\*\*\n[\s\S]*?\*\//g, (comment) => {
    const end = comment.search(/\n\s*\*(?:\n|\/| (?:@|[-#|] |```))/);
    const rest = comment.slice(end);
    const paragraph = comment.slice(0, end).replace(/\n\s*\* /g, ' ');
    return paragraph + (/^\n\s*\*\/$/.test(rest) ? ' */' : rest);
  });
}

/** The text of a file without the statements that nothing needs; null if none is left. */
function pruneFile(file, parts, isEntry) {
  const { needed } = parts;
  const own = file.statements.filter((one) => needed.has(one));
  const used = identifiersOf(own);
  for (const one of file.statements.filter(ts.isExportDeclaration)) {
    if (one.moduleSpecifier === undefined) for (const name of identifiersOf([one])) used.add(name);
  }
  const texts = [];
  let holds = false;
  for (const statement of file.statements) {
    if (needed.has(statement)) {
      texts.push(statement.getFullText().replace(/^\n+/, ''));
      holds = true;
      continue;
    }
    if (!isLink(statement)) continue;
    const text = pruneLink(statement, { ...parts, used });
    if (text === null) continue;
    texts.push(text);
    if (ts.isExportDeclaration(statement)) holds = true;
  }
  if (!holds && !isEntry) return null;
  const isModule = texts.some((text) => /^(?:\/\*[\s\S]*?\*\/\s*)*(?:import|export)\b/.test(text.trim()));
  const references = file.typeReferenceDirectives.map(
    () => '/// <reference types="node" preserve="true" />\n',
  );
  const body = texts.map((text) => text.replace(/^\/\/\/ <reference[^\n]*\n/, '').trimEnd()).join('\n');
  const text = `${references.join('')}${body}\n${isModule ? '' : 'export {};\n'}`;
  const plain = text
    .replace(/^(?: {4})+/gm, (indent) => ' '.repeat(indent.length / 4))
    // `import type` means the same as `import` in a declaration file.
    .replace(/^import type \{/gm, 'import {');
  const short = joinImports(joinLines(plain));
  return file.fileName.includes('/commands/generated/') ? shortTable(short) : short;
}

/** @param {string} dist absolute, with forward slashes @param {string[]} entries declaration files in it */
export function pruneDeclarations(dist, entries) {
  const roots = entries.map((entry) => join(dist, entry));
  const parts = neededStatements(roots, dist);
  const results = new Map();
  for (const name of readdirSync(dist, { recursive: true })) {
    const path = join(dist, String(name));
    if (!path.endsWith('.d.ts')) continue;
    const file = parts.program.getSourceFile(path);
    results.set(path, file === undefined ? null : pruneFile(file, parts, roots.includes(path)));
  }
  for (const [path, text] of results) {
    if (text === null) rmSync(path);
    else writeFileSync(path, text);
  }
  removeEmptyFolders(dist);
}

function removeEmptyFolders(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    removeEmptyFolders(path);
    if (readdirSync(path).length === 0) rmdirSync(path);
  }
}
