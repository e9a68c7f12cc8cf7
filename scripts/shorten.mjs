// Minifies built modules, but keeps the names that stack traces show.
import { minify } from '@swc/core';
import { transform } from 'esbuild';
import ts from 'typescript-5.9';

/**
 * esbuild writes a class of a module as `var Name = class`, or as `var Name = class _Name` if the class refers to
 * itself. This writes `class Name`, so that the class keeps its name when the variable is renamed.
 */
export function withClassNames(text) {
  const renamed = [];
  const named = text.replace(/^var (\w+) = class( _\1\b)?(?=[ {])/gm, (_, name, itself) => {
    if (itself !== undefined) renamed.push(name);
    return `var ${name} = class ${name}`;
  });
  if (renamed.length === 0) return named;
  return named.replace(new RegExp(`(?<![\\w$])_(${renamed.join('|')})(?![\\w$])`, 'g'), '$1');
}

/**
 * Finds the `#names` in the order of the text (`isMethod`: a method or an accessor is declared there), and the places
 * where a line may end: before a statement or a class member.
 */
function survey(text) {
  const names = [];
  const breaks = [];
  const visit = (node) => {
    if (ts.isPrivateIdentifier(node)) {
      const { parent } = node;
      const isMethod =
        ts.isMethodDeclaration(parent) ||
        ts.isGetAccessorDeclaration(parent) ||
        ts.isSetAccessorDeclaration(parent);
      names.push({ start: node.getStart(), end: node.end, name: node.text, isMethod });
    } else if (
      (ts.isStatement(node) && (ts.isSourceFile(node.parent) || ts.isBlock(node.parent))) ||
      ts.isClassElement(node)
    ) {
      breaks.push(node.getStart());
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('module.js', text, ts.ScriptTarget.ESNext, true));
  return { names, breaks };
}

/** The length after which a line ends at the next possible position. */
const LINE = 240;

/** Gives private methods back their names in `original`, from which `text` differs only in names, and breaks lines. */
function finish(text, original) {
  const { names: before } = survey(original);
  const { names: after, breaks } = survey(text);
  if (before.length !== after.length) throw new Error('the shortened module has other private members');
  const methods = new Set(before.filter(({ isMethod }) => isMethod).map(({ name }) => name));
  const edits = after.flatMap(({ start, end }, index) => {
    const { name } = before[index];
    return methods.has(name) ? [{ start, end, text: name }] : [];
  });
  let line = 0;
  for (const start of breaks) {
    if (start - line < LINE) continue;
    line = start;
    edits.push({ start, end: start, text: '\n' });
  }
  let from = 0;
  const pieces = [];
  // A line break at the position of a name comes before the name.
  for (const edit of edits.sort((a, b) => a.start - b.start || a.end - b.end)) {
    pieces.push(text.slice(from, edit.start), edit.text);
    from = edit.end;
  }
  return `${pieces.join('')}${text.slice(from)}\n`;
}

/**
 * Compression that changes neither which functions V8 inlines nor the allocations.
 * @type {import("@swc/core").TerserCompressOptions}
 */
const COMPRESS = {
  defaults: true,
  inline: 0,
  reduce_vars: false,
  reduce_funcs: false,
  collapse_vars: false,
  hoist_props: false,
  keep_fnames: true,
  keep_classnames: true,
  toplevel: false,
};

/** A function keeps its name if the name occurs at most this often in its module. */
const FEW = 2;

/**
 * The functions that keep their names: those that users import, and those whose names occur seldom. The names of small
 * helpers, which occur everywhere, would cost most.
 */
function namesToKeep(text, isEntry) {
  const counts = new Map();
  const functions = new Set();
  const exported = new Set();
  const visit = (node) => {
    if (ts.isExportSpecifier(node)) exported.add((node.propertyName ?? node.name).text);
    if (ts.isIdentifier(node)) counts.set(node.text, (counts.get(node.text) ?? 0) + 1);
    if ((ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node)) && node.name !== undefined)
      functions.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('module.js', text, ts.ScriptTarget.ESNext, true));
  return [...functions].filter((name) => (isEntry && exported.has(name)) || counts.get(name) <= FEW);
}

/**
 * Gives variables, fields and imports short names. Classes, methods and most functions keep theirs, unless `nameless`
 * is set for modules whose stack traces users do not read. The second pass changes only names, so that `finish` can
 * compare the results of both.
 */
export async function shorten(text, { nameless = false, isEntry = false } = {}) {
  if (nameless)
    return (await transform(text, { minify: true, lineLimit: LINE, format: 'esm', target: 'node20' })).code;
  const options = { module: true, ecma: 2022 };
  const { code: compressed } = await minify(text, { ...options, mangle: false, compress: COMPRESS });
  const reserved = namesToKeep(compressed, isEntry);
  const mangle = { topLevel: true, keepFnNames: false, keepClassNames: true, reserved };
  const { code } = await minify(compressed, { ...options, mangle, compress: false });
  return finish(code, compressed);
}
