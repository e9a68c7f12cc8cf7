import { checkReadFrom, type ReadFrom } from '../../topology/reads/read-from.ts';
import { demandObject, unknownOption } from '../../base/known-options.ts';
import type { RequestOptions } from '../../connection/requests/request-options.ts';

/** Options of one call of a pool; `timeout` covers waiting, dialling, writing, the reply and every repetition. */
export interface PoolRequestOptions extends RequestOptions {
  /** False: asks the server even where the cache knows; default true. */
  cache?: boolean | undefined;
  /** Cluster: commands of several slots are split and put together again; default false. */
  splitMultiKey?: boolean | undefined;
  /**
   * True: to run it twice does no harm, so it is repeated when its reply was lost. False: it is never repeated once it was
   * written, whatever the `retryPolicy` says. Default: the `retryPolicy` decides; that of a pool repeats no write.
   */
  idempotent?: boolean | undefined;
  /** Where it reads, if it only reads. Default: the pool's `readFrom`. */
  readFrom?: ReadFrom | undefined;
}

/** Options of `executeOn` of a cluster pool. */
export interface ExecuteOnOptions extends PoolRequestOptions {
  /** True: one answer in the place of those of the nodes, put together as the tips of the command say. Default false. */
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
