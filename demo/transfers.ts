import type { Pool } from './load.ts';
import { integer, type Screen } from './screen.ts';
import type { Outcome } from './tally.ts';

const ACCOUNTS = 12;
const TELLERS = 8;
const START = 1_000;
const DURATION = 1_500;

/** WATCH, MULTI and EXEC on a connection that nobody else uses meanwhile. */
export async function transfers(screen: Screen, pool: Pool, prefix: string): Promise<Outcome> {
  screen.title(
    `3  ${TELLERS} tellers move money between ${ACCOUNTS} accounts, a lease and a transaction each`,
  );
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => `${prefix}account:${index}`);
  await pool.execute('MSET', ...accounts.flatMap((account) => [account, START]));
  const figures = { committed: 0, refused: 0, poor: 0 };
  const until = performance.now() + DURATION;
  const teller = async (): Promise<void> => {
    while (performance.now() < until) figures[await transfer(pool, accounts)]++;
  };
  await screen.during(
    () =>
      `${integer(figures.committed)} transfers · ${integer(figures.refused)} refused by WATCH and made again`,
    () => Promise.all(Array.from({ length: TELLERS }, teller)),
  );
  const balances = await pool.execute<string[]>('MGET', ...accounts);
  const total = balances.reduce((sum, balance) => sum + Number(balance), 0);
  const good = total === ACCOUNTS * START && balances.every((balance) => Number(balance) >= 0);
  screen.fact(
    'transfers',
    `${integer(figures.committed)} committed, ${integer(figures.refused)} refused by WATCH and made again`,
  );
  screen.verdict(good, 'money', `${integer(ACCOUNTS * START)} before, ${integer(total)} after`);
  return { good };
}

/** EXEC answers null when somebody else touched what was watched. */
async function transfer(pool: Pool, accounts: readonly string[]): Promise<'committed' | 'refused' | 'poor'> {
  const from = pick(accounts);
  const to = pick(accounts.filter((account) => account !== from));
  const amount = 1 + Math.floor(Math.random() * 50);
  return pool.use(async (connection) => {
    await connection.execute('WATCH', from);
    if (Number(await connection.execute('GET', from)) < amount) {
      await connection.execute('UNWATCH');
      return 'poor';
    }
    const answers = await connection.createRequestBatch([
      { command: 'MULTI' },
      { command: 'DECRBY', args: [from, amount] },
      { command: 'INCRBY', args: [to, amount] },
      { command: 'EXEC' },
    ]);
    const executed = answers[3];
    if (executed instanceof Error) throw executed;
    return executed === null ? 'refused' : 'committed';
  });
}

function pick(accounts: readonly string[]): string {
  return accounts[Math.floor(Math.random() * accounts.length)] as string;
}
