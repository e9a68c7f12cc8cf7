import { Channel, ConnectionPool, type Reply } from '../../index.ts';
import { printable } from '../terminal.ts';
import { UsageError } from '../options.ts';
import { type Call, openPool, poolOptions } from '../target.ts';

/** Prints the messages of channels or patterns until Ctrl-C. */
export async function subscribe({ options, terminal, target, signal }: Call): Promise<number> {
  if (options.words.length === 0) throw new UsageError('subscribe needs the name of a channel');
  if (options.flag('pattern') && options.flag('shard'))
    throw new UsageError('shard channels have no patterns');
  const isPattern = options.flag('pattern');
  const command = isPattern ? 'PSUBSCRIBE' : options.flag('shard') ? 'SSUBSCRIBE' : 'SUBSCRIBE';
  await using pool = openPool(target);
  const channels = options.words.map((name) => {
    const onGap = ({ reason }: { reason: Error }): void =>
      terminal.note(`messages of ${name} may be missing: ${printable(reason.message)}`);
    return new Channel<unknown>(name, { isPattern, encoding: 'utf-8', onGap });
  });
  await pool.with({ signal }).executePubsub(command, ...channels);
  const stop = (): void => {
    for (const channel of channels) channel.close();
  };
  signal.addEventListener('abort', stop, { once: true });
  terminal.note(`Listening to ${options.words.join(', ')}; Ctrl-C ends it.`);
  await Promise.all(
    channels.map(async (channel) => {
      for await (const message of channel as AsyncIterable<unknown>) {
        const [name, text] = Array.isArray(message)
          ? message.map(String)
          : [channel.name.toString(), message];
        terminal.foreign(
          options.json ? JSON.stringify({ channel: name, message: text }) : `${name}: ${text}`,
        );
      }
    }),
  );
  return 0;
}

/** Prints every command that the server runs until Ctrl-C. */
export async function monitor({ options, terminal, target, signal }: Call): Promise<number> {
  if (target.kind !== 'server') throw new UsageError('monitor works on one server: name its URL');
  await using pool = ConnectionPool.fromUrl(target.url, { ...poolOptions(target), decodeResponses: true });
  const connection = await pool.getConnection({ timeout: target.timeout, signal });
  signal.addEventListener('abort', () => connection.invalidate('Ctrl-C'), { once: true });
  connection.sendCommand('MONITOR');
  try {
    for await (const message of connection.streamedMessages) {
      if (message instanceof Error) throw message;
      if (message !== 'OK')
        terminal.foreign(options.json ? JSON.stringify(lineOf(message)) : String(message));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    pool.release(connection);
  }
  return 0;
}

/** Time, database, client and the rest of one line of MONITOR. */
function lineOf(message: Reply): Record<string, unknown> {
  const parts = /^([\d.]+) \[(\d+) ([^\]]*)\] (.*)$/s.exec(String(message));
  if (parts === null) return { line: String(message) };
  return { at: Number(parts[1]), db: Number(parts[2]), client: parts[3], command: parts[4] };
}
