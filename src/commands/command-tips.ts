import { COMMAND_TIPS } from './generated/tips.ts';

/** By the name of a `CommandInfo`. */
const built = new Map<string, readonly string[]>();
const learned = new Map<string, readonly string[]>();
const MAX_LEARNED = 4096;

/**
 * The tips of a command by its name in `CommandInfo`, such as `request_policy:all_shards`: those of the package's table,
 * else those that a server told.
 */
export function tipsOf(name: string): readonly string[] {
  if (built.size === 0) {
    for (const [text, names] of COMMAND_TIPS)
      for (const path of names.split(' ')) built.set(path.replace('|', ' '), text.split(' '));
  }
  return built.get(name) ?? learned.get(name) ?? [];
}

/** Takes in the tips of a command that the package does not know. */
export function learnTips(name: string, tips: readonly string[]): void {
  if (learned.size >= MAX_LEARNED) learned.clear();
  learned.set(name, tips);
}

/** Which nodes of a cluster a command concerns, such as `all_shards`; null: the one of its keys, or any. */
export function requestPolicyOf(name: string): string | null {
  return policyOf(name, 'request_policy:');
}

/** How the answers of several nodes become one, such as `agg_sum`; null: they stand one after the other. */
export function responsePolicyOf(name: string): string | null {
  return policyOf(name, 'response_policy:');
}

function policyOf(name: string, prefix: string): string | null {
  return (
    tipsOf(name)
      .find((tip) => tip.startsWith(prefix))
      ?.slice(prefix.length) ?? null
  );
}
