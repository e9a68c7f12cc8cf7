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
  if (command === '-' && args.length > 0)
    throw new UsageError('exec - takes its commands from standard input only');
  demandText(options.words);
  await using pool = openPool(target, !options.flag('bytes'));
  if (command === '-') return await fromInput(call, pool);
  const reply = await pool.executeRequest(command, args, { timeout: target.timeout, raiseExceptions: false });
  print(call, reply);
  return reply instanceof RedisError ? 1 : 0;
}

/** The runtime reads arguments as UTF-8 and puts U+FFFD in place of other bytes: what was meant is lost by then. */
function demandText(words: readonly string[], where = 'an argument'): void {
  if (words.some((word) => word.includes('\ufffd')))
    throw new UsageError(`${where} is not valid UTF-8: write bytes as "\\xff", in a line of exec -`);
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
  let number = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    number++;
    demandText([line], `line ${number} of the input`);
    const [command, ...args] = splitLine(line, number);
    if (command === undefined) continue;
    portion.push({ command, args });
    if (portion.length >= PORTION) await send();
  }
  if (portion.length > 0) await send();
  return failed === 0 ? 0 : 1;
}

/**
 * Splits a line into words. Quotes keep spaces; a backslash takes the next character literally. In double quotes `\xff` is
 * a byte and `\n`, `\r` and `\t` are characters, as replies are printed.
 * @throws UsageError for a quote that is not closed.
 */
function splitLine(line: string, number: number): (string | Buffer)[] {
  const words: (string | Buffer)[] = [];
  let word: Word | null = null;
  let quote: string | null = null;
  for (let index = 0; index < line.length; index++) {
    const char = line[index] as string;
    if (char === '\\' && quote !== "'" && index + 1 < line.length) {
      word ??= new Word();
      const byte = quote === null ? null : /^x([0-9a-f]{2})/i.exec(line.slice(index + 1, index + 4));
      if (byte !== null) word.byte(Number.parseInt(byte[1] as string, 16));
      else word.text(escaped(line[index + 1] as string, quote));
      index += byte === null ? 1 : 3;
    } else if (char === quote) quote = null;
    else if (quote === null && (char === '"' || char === "'")) {
      quote = char;
      word ??= new Word();
    } else if (quote === null && /\s/.test(char)) {
      if (word !== null) words.push(word.value);
      word = null;
    } else (word ??= new Word()).text(char);
  }
  if (quote !== null) throw new UsageError(`line ${number} of the input: a quote is not closed`);
  if (word !== null) words.push(word.value);
  return words;
}

/** Text, or bytes once one of them was written as such. */
class Word {
  #bytes: Buffer[] = [];
  #text = '';

  text(part: string): void {
    this.#text += part;
  }
  byte(byte: number): void {
    this.#bytes.push(Buffer.from(this.#text), Buffer.of(byte));
    this.#text = '';
  }
  get value(): string | Buffer {
    if (this.#bytes.length === 0) return this.#text;
    return Buffer.concat([...this.#bytes, Buffer.from(this.#text)]);
  }
}

function escaped(char: string, quote: string | null): string {
  if (quote === null) return char;
  return { n: '\n', r: '\r', t: '\t' }[char] ?? char;
}
