import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript-5.9';

/** Options as programs write them; `/*?*\/` marks the ones to hover. */
const PROGRAM = `import { ClusterConnectionPool, ConnectionPool, SentinelConnectionPool, TCPConnection } from 'respool';
export const all = [
  ConnectionPool.fromUrl('redis://h', { /*?*/maxConnections: 4, /*?*/decodeResponses: true, /*?*/streamTimeout: 5 }),
  ConnectionPool.fromUrl('redis://h', { /*?*/connectionClass: TCPConnection, /*?*/onState: () => {} }),
  new ConnectionPool({ /*?*/host: 'h', /*?*/maxConnections: 4, /*?*/decodeResponses: true }),
  new ConnectionPool({ /*?*/host: 'h', connectionClass: TCPConnection, /*?*/maxConnections: 4 }),
  ClusterConnectionPool.fromUrl('redis://h', { /*?*/maxConnections: 4, /*?*/addressMap: {} }),
  SentinelConnectionPool.fromUrl('redis://h', { /*?*/maxConnections: 4, /*?*/isPrimary: false }),
];
`;

const OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  strict: true,
  exactOptionalPropertyTypes: true,
  preserveSymlinks: true,
  types: [],
};

/** The options in `PROGRAM` for which an editor shows no text. `folder` contains `node_modules/respool`. */
export function silentOptions(folder) {
  const file = join(folder, 'hover.ts');
  writeFileSync(file, PROGRAM);
  const service = ts.createLanguageService({
    ...ts.sys,
    realpath: (path) => path,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot(name) {
      const text = ts.sys.readFile(name);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => folder,
    getCompilationSettings: () => OPTIONS,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
  });
  const marks = [...PROGRAM.matchAll(/\/\*\?\*\/(\w+)/g)];
  return marks
    .filter((mark) => {
      const shown = service.getQuickInfoAtPosition(file, mark.index + mark[0].length - 1);
      return ts.displayPartsToString(shown?.documentation) === '';
    })
    .map((mark) => `${mark[1]} in ${PROGRAM.slice(0, mark.index).split('\n').at(-1).trim()}`);
}
