// Makes built modules small, and keeps the names that a stack trace shows.
import { minify } from '@swc/core';
import { transform } from 'esbuild';
import ts from 'typescript-5.9';

/**
 * esbuild writes a class of a module as `var Name = class`, and one that refers to itself as `var Name = class _Name`. With
 * its own name behind the word the class is called so whatever becomes of the variable.
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
 * The `#names` in the order of the text, with whether a method or an accessor is declared there, and where a line may end:
 * before a statement or a member of a class.
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

/** Characters after which a line ends at the next place where it may. */
const LINE = 120;

/** Private methods under the names that they have in `original`, from which `text` differs in names alone; in lines. */
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
  // A line ends before the name that follows it.
  for (const edit of edits.sort((a, b) => a.start - b.start || a.end - b.end)) {
    pieces.push(text.slice(from, edit.start), edit.text);
    from = edit.end;
  }
  return `${pieces.join('')}${text.slice(from)}\n`;
}

/**
 * Nothing that changes which function the engine puts in line, or what it has to allocate.
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

/** How often the name of a function may stand in a module and be kept. */
const FEW = 2;

/**
 * Names of functions that users import, and of those that are seldom written: those of small helpers, which stand
 * everywhere, would cost most.
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
 * Variables, fields and imports get short names. Classes, methods and most functions keep theirs, unless `nameless`:
 * for modules whose traces nobody reads. In two passes, because the second one must change nothing but names.
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
