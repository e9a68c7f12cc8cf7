import { isOfServer, lineOf } from './errors.ts';
import type { Link } from './link.ts';

/** Parses the `name:value` lines of INFO. */
function fieldsOf(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && colon < line.length - 1) fields[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return fields;
}

/** Waits until the server has loaded its data set; resolves with its INFO. `longest`: longest pause in ms. */
export async function serverReady(link: Link, longest: number): Promise<Record<string, string>> {
  for (;;) {
    let text: unknown;
    try {
      text = await link.createRequest('INFO');
    } catch (error) {
      if (!isOfServer(error) || error.code !== 'NOPERM') throw error;
      console.warn(
        `The ready check is skipped, for INFO was refused: "${lineOf(error)}". "enableReadyCheck: false" switches it off.`,
      );
      return {};
    }
    if (typeof text !== 'string') return {};
    const fields = fieldsOf(text);
    if (fields.loading === undefined || fields.loading === '0') return fields;
    const rest = Number(fields.loading_eta_seconds || 1) * 1000;
    await new Promise((resolve) => setTimeout(resolve, longest > 0 ? Math.min(longest, rest) : rest));
  }
}
