// npm run chaos:mutants [-- name …]: puts known bugs of Redis clients, one at a time, into a copy of the compiled
// project. A gate must catch each of them; a gate that passes with the bug proves nothing.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { compile } from './compile.mjs';
import { read, ROOT, run } from './lib.mjs';

/** Bugs: each replaces the text `from` by `to` in a file of `src`. `gates`: test files, of which one must fail. */
const MUTANTS = [
  {
    name: 'no-tombstone',
    bug: 'a cancelled request gives up its place although its reply is still to come',
    file: 'connection/connection-core.ts',
    from: "    if (written) {\n      entry.wire = '';",
    to: "    if (written) {\n      this.outbox.shift();\n      entry.wire = '';",
    gates: ['integration/pool/crossing', 'conformance/connection/requests'],
  },
  {
    name: 'orphan-kept',
    bug: 'a reply that nobody asked for is ignored, and the connection stays',
    file: 'connection/reading/reception.ts',
    from: 'throw this.#unexpected();',
    to: 'return;',
    gates: ['conformance/connection/messages', 'conformance/contract/wrong-peers'],
  },
  {
    name: 'decoder-reset',
    bug: 'after bytes that are no RESP the decoder begins anew on the same connection',
    file: 'connection/reading/reception.ts',
    from: '    } catch (error) {\n      core.close(this.#explain(error));\n      return;\n    }',
    to: '    } catch {\n      this.#decoder = new Decoder();\n      return;\n    }',
    gates: ['conformance/connection/hostile', 'conformance/connection/errors'],
  },
  {
    name: 'double-release',
    bug: 'a second release of a lease releases the connection of whoever has it now',
    file: 'pool/leases.ts',
    from: 'if (this.#slot.holder === this) this.#slot.value.release();',
    to: 'this.#slot.value.release();',
    gates: ['chaos/churn', 'conformance/pool/leases'],
  },
  {
    name: 'no-epoch',
    bug: 'a cache keeps the reply of a connection that has ended meanwhile',
    file: 'cache/cache-guard.ts',
    from: 'return token.valid && tracked !== undefined && token.born >= tracked.since && this.usable;',
    to: 'return token.valid && this.usable;',
    gates: ['unit/cache/cache-guard', 'integration/cache/faults'],
  },
  {
    name: 'early-reuse',
    bug: 'a reply is a view of memory that the next read overwrites',
    file: 'resp/decoding/decoder.ts',
    from: 'return owned ? bytes.subarray(start, end) : this.copy(start, end);',
    to: 'return bytes.subarray(start, end);',
    gates: ['unit/resp/vectors', 'unit/resp/decoder', 'integration/connection/slices'],
  },
  {
    name: 'listener-leak',
    bug: 'the listener of an abort signal stays after the last call that used it',
    file: 'base/signal-registry.ts',
    from: "this.signal.removeEventListener('abort', this);",
    to: '',
    gates: ['unit/base/signal-registry', 'conformance/pool/shared-signals'],
  },
  {
    name: 'auth-in-pipeline',
    bug: 'AUTH is written together with other commands, where some servers lose its error',
    file: 'connection/opening/handshake.ts',
    from: "      const reply = await call(core, 'HELLO', ['3', ...auth], {",
    to: "      void call(core, 'CLIENT SETINFO', ['LIB-NAME', LIBRARY_NAME], { timeout: streamTimeout, raise: false });\n      const reply = await call(core, 'HELLO', ['3', ...auth], {",
    gates: ['conformance/connection/handshake'],
  },
  {
    name: 'encode-after-enqueue',
    bug: 'a command whose arguments cannot be encoded leaves its place in the queue behind',
    file: 'connection/requests/request-factory.ts',
    from: 'const wire = encodeCommand(info, args, this.#textMode);\n    const mode',
    to:
      "let wire;\n    try {\n      wire = encodeCommand(info, args, this.#textMode);\n    } catch (error) {\n      core.submit(new RequestEntry(info, '', 0, this.#ownMode));\n" +
      '      throw error;\n    }\n    const mode',
    gates: ['chaos/misencoded', 'conformance/connection/requests'],
  },
  {
    name: 'object-maps',
    bug: 'a map of the server is kept as a plain object, where __proto__ is no key',
    file: 'resp/reply-map.ts',
    from: '    mapSet.call(map, key, value);',
    to: "    if (String(key) === '__proto__') return;\n    mapSet.call(map, key, value);",
    gates: ['unit/resp/vectors', 'unit/resp/reply-map'],
  },
  {
    name: 'preallocation',
    bug: 'memory is taken for as many elements as the server announces',
    file: 'resp/decoding/decoder.ts',
    from: '    if (count === 0) {\n      if (type === PUSH)',
    to: '    if (value !== null) (value as any).room = new Float64Array(Math.min(count, 3e8));\n    if (count === 0) {\n      if (type === PUSH)',
    gates: ['unit/resp/decoder', 'unit/resp/vectors'],
  },
  {
    name: 'no-trailer',
    bug: 'the line end behind a string is not looked at',
    file: 'resp/decoding/decoder.ts',
    from: 'if ((stop < end && chunk[stop] !== CR) || (stop + 1 < end && chunk[stop + 1] !== LF)) {',
    to: 'if (chunk.length < 0) {',
    gates: ['unit/resp/vectors'],
  },
];

const wanted = process.argv.slice(2);
const chosen = MUTANTS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
if (chosen.length === 0) {
  console.error(`No such mutant. There are ${MUTANTS.map(({ name }) => name).join(', ')}.`);
  process.exit(2);
}

const compiled = await compile();
if (compiled.code !== 0) {
  console.error(compiled.output);
  process.exit(1);
}
const copy = mkdtempSync(join(tmpdir(), 'respool-mutants-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const path of ['.build/src', '.build/test', 'test/fixtures', 'package.json'])
  cpSync(join(ROOT, path), join(copy, path), { recursive: true });
symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'dir');

/** The compiled file with the bug; null if the source no longer holds the text to replace. */
function mutated({ file, from, to }) {
  const source = read(`src/${file}`);
  const patched = source.replaceAll(from, () => to);
  if (patched === source) return null;
  const { code } = transformSync(patched, {
    loader: 'ts',
    target: 'es2023',
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false, verbatimModuleSyntax: true } },
  });
  return code.replace(/((?:from|import)\s*\(?\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2');
}

async function passes(gate) {
  const flags = ['--expose-gc', '--unhandled-rejections=strict', '--test', '--test-timeout=240000'];
  const command = [process.execPath, ...flags, `.build/test/${gate}.test.js`];
  return (await run(command, { cwd: copy, quiet: true, env: { RESPOOL_ROOT: copy } })).code === 0;
}

const sound = new Map();
let failed = false;
for (const mutant of chosen) {
  const target = join(copy, '.build/src', mutant.file.replace(/\.ts$/, '.js'));
  const original = readFileSync(target, 'utf8');
  const code = mutated(mutant);
  let verdict = 'NOT CAUGHT';
  const unsound = [];
  if (code === null) verdict = `DOES NOT APPLY: src/${mutant.file} does not hold the text any more`;
  for (const gate of code === null ? [] : mutant.gates) {
    if (!sound.has(gate)) sound.set(gate, await passes(gate));
    if (!sound.get(gate)) {
      unsound.push(gate);
      continue;
    }
    writeFileSync(target, code);
    const caught = !(await passes(gate));
    writeFileSync(target, original);
    if (!caught) continue;
    verdict = `caught by ${gate}`;
    break;
  }
  if (unsound.length > 0) verdict += `; without the bug these fail too: ${unsound.join(', ')}`;
  failed ||= !verdict.startsWith('caught');
  console.log(`${mutant.name}: ${verdict} (${mutant.bug})`);
}
console.log(failed ? 'chaos:mutants: FAILED' : `chaos:mutants: all ${chosen.length} are caught`);
process.exit(failed ? 1 : 0);
