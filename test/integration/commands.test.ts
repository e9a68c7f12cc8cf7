import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findEntry } from '../../src/commands/catalogue.ts';
import { resolveCommand } from '../../src/commands/command-info.ts';
import { CommandTable, commandsFromReply } from '../../src/commands/command-table.ts';
import { BLOCKING, MAY_BLOCK, READONLY, WRITE } from '../../src/commands/flags.ts';
import { keysOf } from '../../src/commands/keys.ts';
import { serverBinaries, startServer } from '../../src/testkit/index.ts';
import type { TestServer } from '../../src/testkit/index.ts';

/** Calls whose keys are easily missed. */
const SAMPLES = `
SORT k BY STORE GET x STORE d
SORT k LIMIT 0 1 GET # STORE d
SORT_RO k BY w
MIGRATE h 1 k 0 9
MIGRATE h 1 "" 0 9 COPY KEYS a b
MIGRATE h 1 "" 0 9 AUTH KEYS KEYS a b
MIGRATE h 1 "" 0 9 AUTH2 u KEYS keys a
GEORADIUS k 1 2 3 km STORE d
GEORADIUS k 1 2 3 km ASC STOREDIST d
GEORADIUSBYMEMBER k m 3 km store d
XREAD COUNT 2 BLOCK 1 STREAMS a b 0 0
XREADGROUP GROUP streams c COUNT 1 STREAMS a b > >
EVAL s 2 a b c
EVALSHA s 1 a
FCALL f 2 a b c
FCALL_RO f 1 a
ZUNIONSTORE d 2 a b WEIGHTS 1 2
ZDIFFSTORE d 1 a
LMPOP 2 a b LEFT
BLMPOP 0 2 a b LEFT
BZMPOP 0 1 a MIN
SINTERCARD 2 a b LIMIT 1
OBJECT ENCODING k
MEMORY USAGE k SAMPLES 1
XGROUP CREATE k g $ MKSTREAM
XINFO STREAM k FULL
BITOP AND d a b
MSET a 1 b 2
BLPOP a b 0
PFMERGE d a b
COPY a b REPLACE
ZRANGESTORE d s 0 1
LCS a b LEN
WATCH a b
`
  .trim()
  .split('\n')
  .map((line) => line.split(' ').map((word) => (word === '""' ? '' : word)));

for (const { path, kind, version } of await serverBinaries()) {
  describe(`commands of ${kind} ${version}`, () => {
    it('keysOf finds the same keys as the server', async () => {
      await using server = await startServer({ binary: path });
      const table = new CommandTable();
      const reply = await server.command('COMMAND');
      table.learn(reply);
      const missed: string[] = [];
      for (const command of keyedCommands(reply)) {
        let compared = 0;
        for (const sample of samplesOf(command)) {
          if (await compare(server, table, sample)) compared += 1;
        }
        if (compared === 0) missed.push(command.words.join(' '));
      }
      assert.deepEqual(missed, []);
    });

    it('keysOf finds keys that are easily missed', async () => {
      await using server = await startServer({ binary: path });
      for (const sample of SAMPLES) {
        assert.ok(await compare(server, new CommandTable(), sample), sample.join(' '));
      }
    });

    it('commands are described as the server describes them', async () => {
      await using server = await startServer({ binary: path });
      const unknown: string[] = [];
      for (const learned of commandsFromReply(await server.command('COMMAND'))) {
        const [first = '', second] = learned.name.split(' ');
        const parent = findEntry(first);
        const entry = second === undefined ? parent : parent?.subcommands?.get(second);
        if (entry === undefined) {
          unknown.push(learned.name);
          continue;
        }
        assert.equal(entry.flags & (READONLY | WRITE), learned.flags & (READONLY | WRITE), learned.name);
        assert.deepEqual(entry.keySpecs, learned.keySpecs, learned.name);
        if (learned.flags & BLOCKING) assert.ok(entry.flags & (BLOCKING | MAY_BLOCK), learned.name);
      }
      if (version.startsWith('7.0.')) assert.deepEqual(unknown, []);
    });
  });
}

/** Whether the server accepts the sample; then both find the same keys, in every spelling. */
async function compare(server: TestServer, table: CommandTable, words: readonly string[]): Promise<boolean> {
  let expected: unknown;
  try {
    expected = await server.command('COMMAND', 'GETKEYS', ...words);
  } catch {
    return false;
  }
  const wanted = (expected as unknown[]).map(String).sort();
  // A number of keys larger than there are words: the server finds none, we find those that are there.
  if (wanted.length === 0) return false;
  const [first = '', ...args] = words;
  const bytes = args.map((word) => Buffer.from(word));
  const what = words.join(' ');
  assert.deepEqual(table.keysOf(resolveCommand(first, args), args).map(String).sort(), wanted, what);
  assert.deepEqual(
    table.keysOf(resolveCommand(first.toLowerCase(), bytes), bytes).map(String).sort(),
    wanted,
    what,
  );
  if (!words.includes(''))
    assert.deepEqual(keysOf(resolveCommand(what, []), []).map(String).sort(), wanted, what);
  return true;
}

interface KeyedCommand {
  readonly words: readonly string[];
  readonly arity: number;
  readonly specs: readonly Spec[];
}

interface Spec {
  readonly begin: string;
  readonly at: number;
  readonly keyword: string;
  readonly counted: number | null;
}

/** Read anew from the server's table, without the code under test. */
function keyedCommands(reply: unknown): KeyedCommand[] {
  const found: KeyedCommand[] = [];
  for (const entry of reply as unknown[][]) {
    const specs = (entry[8] as unknown[])
      .map(record)
      .filter((spec) => !strings(spec['flags']).includes('not_key'));
    const words = String(entry[0]).toUpperCase().split('|');
    if (specs.length > 0)
      found.push({ words, arity: Math.abs(Number(entry[1])), specs: specs.map(readSpec) });
    found.push(...keyedCommands(entry[9]));
  }
  return found;
}

function readSpec(spec: Record<string, unknown>): Spec {
  const begin = record(spec['begin_search']);
  const find = record(spec['find_keys']);
  const where = record(begin['spec']);
  return {
    begin: String(begin['type']),
    at: Number(where['index'] ?? where['startfrom'] ?? 0),
    keyword: String(where['keyword'] ?? ''),
    counted: String(find['type']) === 'keynum' ? Number(record(find['spec'])['keynumidx']) : null,
  };
}

/** Calls of growing length, with the numbers and keywords where the table wants them. */
function* samplesOf({ words, arity, specs }: KeyedCommand): Generator<string[]> {
  for (let length = arity; length < arity + 7; length++) {
    const sample = [...words];
    while (sample.length < length) sample.push(`w${sample.length}`);
    for (const { begin, at, keyword, counted } of specs) {
      if (begin === 'keyword') {
        // The server may go by the last of several keywords, so the sample has one.
        if (at < 0 || sample.length < at || keyword === 'STOREDIST') continue;
        sample.splice(at, 1, keyword, 'k1', 'k2');
      } else if (counted !== null) {
        sample[at + counted] = '2';
      }
    }
    yield sample;
  }
  // Servers that parse the options themselves refuse placeholders in front of the keyword.
  const name = words.join(' ');
  yield* SAMPLES.filter((sample) => sample.join(' ').startsWith(`${name} `));
}

function record(flat: unknown): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const list = (flat ?? []) as unknown[];
  for (let i = 0; i + 1 < list.length; i += 2) result[String(list[i])] = list[i + 1];
  return result;
}

function strings(value: unknown): string[] {
  return (value as unknown[]).map(String);
}
