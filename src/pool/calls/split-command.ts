import { isOfServer, kind, RedisClusterError, RedisError } from '../../errors/errors.ts';
import type { Reply } from '../../resp/types.ts';
import type { CommandPart } from '../../topology/topology.ts';

/** Joins the replies of the parts to the reply of the command that was split. */
export async function joinParts(
  name: string,
  parts: readonly CommandPart[],
  answers: readonly Promise<Reply>[],
  raise = true,
): Promise<Reply> {
  const settled = await Promise.allSettled(answers);
  const failed = settled.flatMap((result, index) =>
    result.status === 'rejected' ? [{ index, ...result }] : [],
  );
  if (failed.length === 0)
    return join(
      name,
      parts,
      settled.map((result) => (result as { value: Reply }).value),
    );
  const error = whole(
    name,
    parts,
    failed.map(({ index, reason }) => [index, reason]),
  );
  if (!raise && failed.every(({ reason }) => isOfServer(reason))) return error as RedisError;
  throw error;
}

/** The error to reject with: a `SplitCommandError` if some parts succeeded; otherwise, or after an abort, the first. */
function whole(name: string, parts: readonly CommandPart[], failed: readonly [number, unknown][]): unknown {
  const reason = failed[0]?.[1];
  if (failed.length === parts.length || !(reason instanceof RedisError)) return reason;
  return new SplitCommandError(name, parts, new Map(failed as readonly [number, Error][]));
}

function join(name: string, parts: readonly CommandPart[], answers: readonly Reply[]): Reply {
  if (name === 'MSET') return answers[0] ?? null;
  if (name !== 'MGET') {
    if (answers.some((answer) => typeof answer !== 'number')) return null;
    return (answers as number[]).reduce((sum, answer) => sum + answer, 0);
  }
  const values: Reply[] = [];
  for (const [index, { positions }] of parts.entries()) {
    const answer = answers[index];
    for (const [place, position] of positions.entries()) {
      values[position] = Array.isArray(answer) ? (answer[place] ?? null) : null;
    }
  }
  return values;
}

/**
 * A command that was split by slot has failed in part. `done` and `failed` hold the positions of the keys in
 * the call, from 0.
 */
export class SplitCommandError extends RedisClusterError {
  /** Positions of the keys whose part was executed. */
  readonly done: readonly number[];
  /** Positions of the other keys; `cause.errors` holds their errors. */
  readonly failed: readonly number[];

  /** @internal */
  constructor(name: string, parts: readonly CommandPart[], errors: ReadonlyMap<number, Error>) {
    const place = (wanted: boolean): number[] =>
      parts
        .flatMap(({ positions }, index) => (errors.has(index) === wanted ? positions : []))
        .sort((a, b) => a - b);
    const failed = place(true);
    const done = place(false);
    const [first] = errors.values();
    super(
      `${name} was split over ${parts.length} slots and failed in part: ${done.length} keys are done ` +
        `(${listed(done)}), ${failed.length} failed (${listed(failed)}): ${first?.message ?? ''}`,
      { command: name, cause: new AggregateError([...errors.values()]) },
    );
    this.done = done;
    this.failed = failed;
  }
}
kind(SplitCommandError, 'SplitCommandError', 'RESPOOL_SPLIT_COMMAND');

/** Lists the first 8 positions. */
function listed(positions: readonly number[]): string {
  return positions.slice(0, 8).join(', ') + (positions.length > 8 ? ', …' : '');
}
