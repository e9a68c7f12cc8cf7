// Every type that a public declaration names is exported too, from the same entry or from the main one: users can name
// the type of every value they get.
import { join, relative } from 'node:path';
import ts from 'typescript-5.9';
import { isMain, ROOT } from './lib.mjs';

const ENTRIES = ['index', 'testkit/index', 'otel/index', 'ioredis/index'];
const DIST = join(ROOT, 'dist');

const isOurs = (file) => file.startsWith(DIST);
const isHidden = (node) =>
  (ts.canHaveModifiers(node) &&
    ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)) ||
  (node.name !== undefined && ts.isPrivateIdentifier(node.name));

/** The name that a node refers to, if the node is a type reference, a base class or a `typeof`. */
function nameIn(node) {
  if (ts.isTypeReferenceNode(node)) return node.typeName;
  if (ts.isExpressionWithTypeArguments(node)) return node.expression;
  if (ts.isTypeQueryNode(node)) return node.exprName;
  if (ts.isImportTypeNode(node)) return node.qualifier;
  return undefined;
}

function forgottenIn(program) {
  const checker = program.getTypeChecker();
  const resolved = (symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const namesOf = (entry) => {
    const file = program.getSourceFile(join(DIST, `${entry}.d.ts`));
    const own = checker.getExportsOfModule(checker.getSymbolAtLocation(file));
    const names = new Map(own.map((symbol) => [resolved(symbol), symbol.name]));
    // An alias such as `type Redis = peer.Redis` exports the declaration `peer.Redis` too.
    for (const [symbol, name] of [...names]) {
      const alias = symbol.declarations?.find(ts.isTypeAliasDeclaration)?.type;
      if (alias === undefined || !ts.isTypeReferenceNode(alias) || alias.typeArguments !== undefined)
        continue;
      names.set(resolved(checker.getSymbolAtLocation(alias.typeName)), name);
    }
    return names;
  };
  const main = namesOf('index');
  const found = new Set();
  for (const entry of ENTRIES) {
    const names = namesOf(entry);
    const visit = (node, from) => {
      if (isHidden(node)) return;
      const name = nameIn(node);
      const at = name === undefined ? undefined : checker.getSymbolAtLocation(name);
      const symbol = at === undefined ? undefined : resolved(at);
      const [declaration] = symbol?.declarations ?? [];
      const isParameter = declaration !== undefined && ts.isTypeParameterDeclaration(declaration);
      if (declaration !== undefined && !isParameter && isOurs(declaration.getSourceFile().fileName)) {
        const isKnown = names.has(symbol) || main.has(symbol) || isMemberOfKnown(declaration, names, main);
        if (!isKnown) found.add(`${symbol.name} (${where(declaration)}), named by ${from} of ${entry}`);
      }
      ts.forEachChild(node, (child) => visit(child, from));
    };
    for (const [symbol, name] of names) {
      for (const declaration of symbol.declarations ?? []) {
        if (isOurs(declaration.getSourceFile().fileName)) visit(declaration, name);
      }
    }
  }
  return [...found].sort();

  function isMemberOfKnown(declaration, ...known) {
    const owner =
      declaration.parent === undefined
        ? undefined
        : checker.getSymbolAtLocation(declaration.parent.name ?? declaration.parent);
    return owner !== undefined && known.some((names) => names.has(owner));
  }
}

const where = (declaration) => relative(DIST, declaration.getSourceFile().fileName);

export function forgottenExports() {
  const program = ts.createProgram(
    ENTRIES.map((entry) => join(DIST, `${entry}.d.ts`)),
    {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
      skipLibCheck: true,
    },
  );
  return forgottenIn(program);
}

if (isMain(import.meta.url)) {
  const forgotten = forgottenExports();
  for (const one of forgotten) console.error(`not exported: ${one}`);
  console.log(`${forgotten.length} forgotten exports`);
  if (forgotten.length > 0) process.exitCode = 1;
}
