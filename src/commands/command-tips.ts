import { COMMAND_TIPS } from './generated/tips.ts';

/** The package's tips by command name. */
const built = new Map<string, readonly string[]>();
const learned = new Map<string, readonly string[]>();
const MAX_LEARNED = 4096;

/** The tips of a command, such as `request_policy:all_shards`: those of the package's table, otherwise learned ones. */
export function tipsOf(name: string): readonly string[] {
  if (built.size === 0) {
    for (const [text, names] of COMMAND_TIPS)
      for (const path of names.split(' ')) built.set(path.replace('|', ' '), text.split(' '));
  }
  return built.get(name) ?? learned.get(name) ?? [];
}

/** Stores the tips of a command learned from a server. */
export function learnTips(name: string, tips: readonly string[]): void {
  if (learned.size >= MAX_LEARNED) learned.clear();
  learned.set(name, tips);
}

/** Which nodes of a cluster a command concerns, such as `all_shards`; null for the node of its keys, or any. */
export function requestPolicyOf(name: string): string | null {
  return policyOf(name, 'request_policy:');
}

/** How the replies of several nodes are merged, such as `agg_sum`; null to concatenate them. */
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
