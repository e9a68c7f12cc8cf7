import { checkReadFrom, type ReadFrom } from '../../topology/reads/read-from.ts';
import { demandObject, unknownOption } from '../../base/known-options.ts';
import type { RequestOptions } from '../../connection/requests/request-options.ts';

/** Options of one call of a pool; `timeout` covers waiting, dialling, writing, the reply and every repetition. */
export interface PoolRequestOptions extends RequestOptions {
  /** False: ask the server even if the cache has the reply; default true. */
  cache?: boolean | undefined;
  /** On a cluster: split a command over several slots and join the answers; default false. */
  splitMultiKey?: boolean | undefined;
  /**
   * True: repeat the command if its reply was lost, because running it twice does no harm. False: never
   * repeat it once it was written, not even by the `retryPolicy`. Default: the `retryPolicy` decides; the
   * default policy repeats no write.
   */
  idempotent?: boolean | undefined;
  /** The node for a command that only reads. Default: the pool's `readFrom`. */
  readFrom?: ReadFrom | undefined;
}

/** Options of `executeOn` of a cluster pool. */
export interface ExecuteOnOptions extends PoolRequestOptions {
  /** True: one answer instead of one for each node, combined by the tips of the command. Default false. */
  merge?: boolean | undefined;
}

/** A promise that knows whether its command may have been executed. */
export type PoolRequest<T> = Promise<T> & { readonly maybeExecuted: boolean };

/** Throws a `TypeError` that names the option. `timeout`, `signal` and `encoding` are checked where they are used. */
export function checkCallOptions<O extends PoolRequestOptions>(options: O): O {
  demandObject(options);
  // Loop over the given names, because most calls have only one option.
  for (const name in options) {
    switch (name) {
      case 'timeout':
      case 'signal':
      case 'encoding':
        break;
      case 'noreply':
      case 'decode':
      case 'raiseExceptions':
      case 'disconnectOnCancellation':
      case 'cache':
      case 'splitMultiKey':
      case 'idempotent':
        if (options[name] !== undefined && typeof options[name] !== 'boolean')
          throw new TypeError(`${name} must be true or false`);
        break;
      case 'readFrom':
        if (options[name] !== undefined) checkReadFrom(name, options[name]);
        break;
      default:
        if (options[name] !== undefined) throw unknownOption(name, 'a request');
    }
  }
  return options;
}
