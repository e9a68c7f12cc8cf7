import { createInterface } from 'node:readline';
import { type CommandRequest, RedisError, type Reply } from '../../index.ts';
import { UsageError } from '../options.ts';
import { formatReply, jsonOf } from '../reply-format.ts';
import { type Call, type AnyPool, openPool } from '../target.ts';

/** Lines of standard input that are sent together. */
const PORTION = 1_000;

/** Runs one command from the command line, or many from standard input. */
export async function exec(call: Call): Promise<number> {
  const { options, target } = call;
  const [command, ...args] = options.words;
  if (command === undefined) throw new UsageError('exec needs a command, or - for standard input');
  await using pool = openPool(target, !options.flag('bytes'));
  if (command === '-') return await fromInput(call, pool);
  const reply = await pool.executeRequest(command, args, { timeout: target.timeout, raiseExceptions: false });
  print(call, reply);
  return reply instanceof RedisError ? 1 : 0;
}

function print({ options, terminal }: Call, reply: Reply): void {
  terminal.line(options.json ? JSON.stringify(jsonOf(reply)) : formatReply(reply));
}

async function fromInput(call: Call, pool: AnyPool): Promise<number> {
  let failed = 0;
  let portion: CommandRequest[] = [];
  const send = async (): Promise<void> => {
    for (const reply of await pool.executeBatch(portion)) {
      if (reply instanceof RedisError) failed++;
      print(call, reply);
    }
    portion = [];
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...args] = splitLine(line);
    if (command === undefined) continue;
    portion.push({ command, args });
    if (portion.length >= PORTION) await send();
  }
  if (portion.length > 0) await send();
  return failed === 0 ? 0 : 1;
}

/**
 * Splits a line into words. Quotes keep spaces; a backslash takes the next character literally.
 * @throws UsageError for a quote that is not closed.
 */
function splitLine(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (let index = 0; index < line.length; index++) {
    const char = line[index] as string;
    if (char === '\\' && quote !== "'" && index + 1 < line.length)
      word = (word ?? '') + escaped(line[++index] as string, quote);
    else if (char === quote) quote = null;
    else if (quote === null && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (quote === null && /\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote !== null) throw new UsageError('a quote is not closed');
  if (word !== null) words.push(word);
  return words;
}

function escaped(char: string, quote: string | null): string {
  if (quote === null) return char;
  return { n: '\n', r: '\r', t: '\t' }[char] ?? char;
}
